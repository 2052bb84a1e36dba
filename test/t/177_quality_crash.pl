# Workers, sessions and the whole server die at any point of runs that judge
# rows, of rebuilds, backfills, requeues and validations; afterwards every run
# has its results, no result lacks its run, each bad row stands in quarantine
# once, and each target is what its query and its rules say.
#
# DATAPLAT_CRASH_ROUNDS, DATAPLAT_CRASH_SEED: how many rounds, and which.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;
use Time::HiRes qw(usleep);

my $ROUNDS = $ENV{DATAPLAT_CRASH_ROUNDS} // 9;
my $SEED = $ENV{DATAPLAT_CRASH_SEED} // 1;
my $mock = mock_broker('click:1');
my $node = dataplat_node('main', conf => ingest_conf("dataplat.pipeline_workers = 2\ndataplat.rebuild_chunk_rows = 25\n"
	  . "dataplat.change_log_segment_size = '8kB'\ndataplat.metadata_interval = 1\n"));
my $clicks = 0;

sub sql { return $node->safe_psql('postgres', $_[0]); }

note("seed $SEED, $ROUNDS rounds");
srand($SEED);
load_injection($node);
make_server($node, 'k', $mock->{bootstrap});
sql(q{SELECT dataplat.create_source('click', 'k', 'click', format => 'json', batch_rows => 20)});

# Visits of pages, some of which cannot be.
sub click
{
	my ($n) = @_;
	produce_lines($mock->{bootstrap}, 'click', 0,
		map { sprintf('{"id": %d, "page": %d, "visitor": %d}', ++$clicks, int(rand(9)) - 1, int(rand(9))) } 1 .. $n);
	return;
}

# One pipeline for each way of writing, and rules of all four actions.
sql(q{
	CREATE TABLE public.orders (id int PRIMARY KEY, customer int NOT NULL, amount int NOT NULL, status text NOT NULL DEFAULT 'new');
	CREATE TABLE public.customer (id int PRIMARY KEY, country text NOT NULL);
	INSERT INTO public.customer SELECT i, 'c' || 1 + i % 4 FROM generate_series(1, 20) AS i;
	INSERT INTO public.orders SELECT i, 1 + i % 20, i FROM generate_series(1, 300) AS i;
	CREATE VIEW public.click AS SELECT (value ->> 'id')::bigint AS id, (value ->> 'page')::int AS page, (value ->> 'visitor')::int AS visitor FROM bronze.click;
	CREATE TABLE public.payment (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount int NOT NULL);
	SELECT dataplat.create_pipeline('keyed', 'public.keyed', 'SELECT o.id, o.amount, o.status, c.country FROM public.orders AS o JOIN public.customer AS c ON c.id = o.customer', keys => '{id}');
	SELECT dataplat.create_pipeline('gold', 'public.gold', 'SELECT country, count(*) AS n, sum(amount) AS amount FROM public.keyed GROUP BY country');
	SELECT dataplat.create_pipeline('bag', 'public.bag', 'SELECT id, amount, rank() OVER (ORDER BY amount, id) AS place FROM public.orders', mode => 'full');
	SELECT dataplat.create_pipeline('lines', 'public.lines', $$SELECT (value ->> 'id')::bigint AS id, (value ->> 'page')::int AS page FROM bronze.click$$, mode => 'append');
	SELECT dataplat.create_pipeline('latest', 'public.latest', $$SELECT (value ->> 'visitor')::int AS visitor, (value ->> 'id')::bigint AS id, (value ->> 'page')::int AS page FROM bronze.click$$,
		mode => 'upsert', keys => '{visitor}', sequence_by => 'id');
	SELECT dataplat.create_pipeline('paid', 'public.paid', 'SELECT id, amount FROM public.payment', keys => '{id}',
		retry => '{"max_attempts": 100000, "initial": "20 ms", "max": "200 ms"}')});
wait_until($node, 'SELECT bool_and(s.filled) FROM dataplat_internal.pipeline_state AS s', 'the pipelines are filled');
is(sql('SELECT count(*) FROM dataplat.pipeline AS p WHERE NOT dataplat.wait_for_pipeline(p.name)'), '0', 'and at rest');
sql(q{
	SELECT dataplat.create_suite('after', schedule => 'on_data'), dataplat.create_suite('second', schedule => '1 second');
	SELECT dataplat.add_expectation(d.name::regclass, 'satisfies', jsonb_build_object('expression', d.good), d.rule, action => d.action) FROM (VALUES
		('public.keyed', 'not_negative', 'amount >= 0', 'quarantine'), ('public.keyed', 'known_country', $$country <> 'c0'$$, 'quarantine'),
		('public.keyed', 'not_void', $$status <> 'void'$$, 'drop'), ('public.keyed', 'not_dear', 'amount < 250', 'warn'),
		('public.gold', 'not_too_much', 'amount < 12500', 'quarantine'), ('public.gold', 'some', 'n > 60', 'warn'),
		('public.bag', 'not_negative', 'amount >= 0', 'quarantine'), ('public.bag', 'small', 'amount <> 7', 'drop'),
		('public.lines', 'a_page', 'page > 0', 'quarantine'), ('public.lines', 'not_six', 'page <> 6', 'drop'),
		('public.latest', 'a_page', 'page > 0', 'quarantine'), ('public.latest', 'not_five', 'page <> 5', 'warn'),
		('public.paid', 'positive', 'amount > 0', 'fail'), ('public.paid', 'odd', 'amount % 2 = 1', 'warn')) AS d (name, rule, good, action);
	SELECT dataplat.add_expectation('public.keyed', 'expect_column_sum_to_be_between', '{"column": "amount", "min_value": 0}', 'sum', suite => 'after'),
	       dataplat.add_expectation('public.lines', 'expect_table_row_count_to_be_between', '{"min_value": 0}', 'count', suite => 'second')});
my $before = sql('SELECT coalesce(max(run_id), 0) FROM dataplat.pipeline_run');

# A short burst of writes, good and bad, and of what people do about it,
# whatever becomes of the server.
my $burst = q{
	DO $$
	DECLARE
		dice int;
	BEGIN
		PERFORM setseed(%f);
		FOR i IN 1 .. 25 LOOP
			dice := (random() * 9)::int;
			UPDATE public.orders SET amount = amount + 1, customer = 1 + (random() * 19)::int WHERE id = 1 + (random() * 299)::int;
			UPDATE public.orders SET amount = -amount WHERE id = 1 + (random() * 299)::int;
			COMMIT;
			UPDATE public.customer SET country = 'c' || (random() * 4)::int WHERE id = 1 + (random() * 19)::int;
			UPDATE public.orders SET status = CASE status WHEN 'void' THEN 'new' ELSE 'void' END WHERE id = 1 + (random() * 299)::int;
			COMMIT;
			INSERT INTO public.orders SELECT max(id) + 1, 1 + i %% 20, i * (dice - 2) FROM public.orders ON CONFLICT DO NOTHING;
			DELETE FROM public.orders WHERE id = 1 + (random() * 299)::int;
			INSERT INTO public.payment (amount) VALUES (CASE WHEN dice = 0 THEN -1 ELSE 1 + dice END);
			COMMIT;
			UPDATE public.payment SET amount = 3 WHERE amount < 0 AND random() < 0.3;
			COMMIT;
			BEGIN
				IF dice = 3 THEN
					PERFORM count(*) FROM dataplat.validate('public.keyed', incremental => random() < 0.5);
				ELSIF dice = 5 THEN
					PERFORM dataplat.repair_quarantined(q.quarantine_id, '{"page": 99}')
					   FROM (SELECT * FROM dataplat.quarantine WHERE dataset = 'public.lines' AND state = 'quarantined' ORDER BY quarantine_id LIMIT 2) AS q;
					PERFORM dataplat.requeue_quarantined();
				ELSIF dice = 7 THEN
					PERFORM dataplat.repair_quarantined(q.quarantine_id, '{"amount": 5, "country": "c9"}')
					   FROM (SELECT * FROM dataplat.quarantine WHERE dataset = 'public.keyed' AND state = 'quarantined' ORDER BY quarantine_id LIMIT 2) AS q;
					PERFORM dataplat.requeue_quarantined($f$dataset = 'public.keyed' AND state = 'repaired'$f$);
				ELSIF dice = 8 THEN
					PERFORM dataplat.discard_quarantined($f$dataset = 'public.bag' AND quarantine_id %% 7 = 0$f$);
				END IF;
			EXCEPTION WHEN serialization_failure OR deadlock_detected OR lock_not_available OR object_not_in_prerequisite_state THEN NULL;
			END;
			COMMIT;
		END LOOP;
	END $$};

sub start_burst
{
	my ($n) = @_;
	my $b = { out => '', err => '' };
	$b->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', sprintf($burst, $n / 10000) ],
		'<', \undef, '>', \$b->{out}, '2>', \$b->{err}, IPC::Run::timeout(180));
	return $b;
}

my @points = qw(p1 p2 p3 p4 q1 q2 q3 q4 q5 q6);
my @work = (
	q{SELECT dataplat.rebuild_pipeline('keyed')}, q{SELECT dataplat.backfill_pipeline('keyed', '50', '250')}, q{SELECT dataplat.rebuild_pipeline('gold')},
	q{SELECT dataplat.reset_pipeline('bag')}, q{SELECT dataplat.rebuild_pipeline('latest')}, 'SELECT 1');
my $kills = 0;
my @strange;

# What the checks below need to have happened, however slow the machine is.
sub enough
{
	my $seen = '';

	return 0 if $kills < $ROUNDS / 2;
	eval { $node->psql('postgres', q{
		SELECT (SELECT count(*) FROM dataplat.pipeline_run WHERE pipeline = 'paid' AND state = 'failed') > 0
		   AND (SELECT count(DISTINCT state) FROM dataplat.quarantine WHERE state IN ('requeued', 'superseded')) = 2}, stdout => \$seen) };
	return $seen eq 't';
}

for (my $round = 1; $round <= $ROUNDS || ($round <= 6 * $ROUNDS && !enough()); $round++)
{
	my $point = $points[ int(rand(@points)) ];
	my $way = $round % 4;

	inject($node, $point, 'kill9', skip => int(rand($point =~ /^q5/ ? 20 : 4))) if $way == 1 || $way == 2;
	# refused while the last one goes on; and the server may be on its way down
	my $task = $work[ int(rand(@work)) ];
	eval { $node->psql('postgres', $task) };
	my @bursts = map { start_burst(10 * $round + $_) } 1 .. 2;
	click(30);
	if ($way == 0)
	{
		# somewhere in the middle, the postmaster
		usleep(1000 * int(rand(200)));
		crash_node($node);
		$kills++;
	}
	elsif ($way == 3)
	{
		# one of our workers: pipelines, quality, launcher
		usleep(1000 * int(rand(200)));
		my $out = '';
		eval { $node->psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'dataplat%' ORDER BY pid}, stdout => \$out) };
		my @pids = split /\n/, $out;
		my $one = rand();
		$kills += kill('KILL', $pids[ int($one * @pids) ]) if @pids;
	}
	for my $b (@bursts)
	{
		eval { $b->{run}->finish };
		push @strange, $b->{err} if $b->{err} =~ /ERROR/ && $b->{err} !~ /deadlock detected/;
	}
	$kills++ if ($way == 1 || $way == 2) && grep { $_->{err} =~ /terminat|closed|lost|recovery/ } @bursts;
	wait_until($node, 'SELECT true', undef);
}
# points that were not reached must not fire in the checks
wait_until($node, "SELECT public.inject_set('$_', 'none', 0, 0)", undef) for @points;
is(join("\n", @strange), '', 'sessions met no errors but crashes');
cmp_ok($kills, '>=', $ROUNDS / 2, "$kills crashes");

click(10);
wait_until($node, "SELECT count(*) = $clicks FROM bronze.click", 'all clicks are there, once each');
wait_until($node, q{UPDATE public.payment SET amount = 3 WHERE amount <= 0; SELECT true}, 'payments are mended');
wait_until($node, q{SELECT count(*) = 2 FROM pg_stat_activity AS a WHERE a.backend_type = 'dataplat pipeline worker'}, 'the workers are back by themselves');
wait_until($node, 'SELECT bool_and(dataplat.wait_for_pipeline(p.name, \'5 s\')) FROM dataplat.pipeline AS p', 'everything comes down')
  or diag(sql('SELECT * FROM dataplat.pipeline_status'));
wait_until($node, 'SELECT count(*) = 0 FROM dataplat_internal.pipeline_rebuild', 'rebuilds end');
is(sql(q{SELECT string_agg(concat_ws('|', p.name, v.missing, v.extra, v.different), ' ' ORDER BY p.name) FROM dataplat.pipeline AS p
	CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v}), join(' ', map { "$_|0|0|0" } qw(bag gold keyed latest lines paid)),
	'all targets are what their queries and rules say');

# Runs and their results.
is(sql(qq{
	SELECT r.run_id, r.pipeline, count(v.validation_id) FROM dataplat.pipeline_run AS r
	  LEFT JOIN dataplat.validation AS v ON v.run_id = r.run_id AND v.object = r.pipeline AND v.trigger = 'pipeline' AND v.suite IS NULL
	 WHERE r.run_id > $before AND r.state = 'succeeded' GROUP BY r.run_id HAVING count(v.validation_id) <> 1}), '', 'every run has one validation');
is(sql(q{
	SELECT r.run_id, r.pipeline, r.error FROM dataplat.pipeline_run AS r
	 WHERE r.state = 'failed' AND r.sqlstate = '23514'
	   AND (SELECT count(*) FROM dataplat.validation AS v JOIN dataplat.validation_result AS x USING (validation_id)
	         WHERE v.run_id = r.run_id AND v.object = r.pipeline AND v.trigger = 'pipeline' AND x.name = 'positive' AND x.outcome = 'FAILED') <> 1}), '',
	'every run that failed by a rule, too');
cmp_ok(sql(q{SELECT count(*) FROM dataplat.pipeline_run WHERE pipeline = 'paid' AND state = 'failed'}), '>', 0, 'there were some');
is(sql(q{
	SELECT v.validation_id, v.object, v.run_id FROM dataplat.validation AS v
	 WHERE v.trigger = 'pipeline' AND NOT EXISTS (SELECT FROM dataplat.pipeline_run AS r WHERE r.run_id = v.run_id AND r.pipeline = v.object)}), '',
	'no validation lacks its run');
is(sql(q{
	SELECT v.validation_id, v.dataset, v.trigger, v.suite, count(x.expectation_id) FROM dataplat.validation AS v
	  LEFT JOIN dataplat.validation_result AS x USING (validation_id)
	 GROUP BY v.validation_id
	HAVING count(x.expectation_id) <> (SELECT count(*) FROM dataplat.expectation AS e JOIN dataplat.expectation_kind AS k USING (kind)
	          WHERE e.dataset = v.dataset AND CASE WHEN v.suite IS NOT NULL THEN e.suite = v.suite WHEN v.trigger = 'pipeline' THEN k.class = 'row' ELSE true END)}), '',
	'every validation has a result for each rule');
cmp_ok(sql(q{SELECT count(DISTINCT (trigger, suite)) FROM dataplat.validation}), '>=', 4, 'runs, schedules and people have validated');
is(sql(q{SELECT count(*) FROM dataplat.validation_result WHERE outcome = 'ERROR'}), '0', 'no rule has erred');

# Quarantine: what a run counts is what stands there.
is(sql(q{
	SELECT q.object, q.run_id FROM dataplat.quarantine AS q
	 WHERE NOT EXISTS (SELECT FROM dataplat.pipeline_run AS r WHERE r.run_id = q.run_id AND r.pipeline = q.object AND r.state = 'succeeded')}), '', 'no quarantined row lacks its run');
is(sql(qq{
	SELECT r.pipeline, r.run_id, r.kind, r.rows_quarantined, count(q.quarantine_id) FROM dataplat.pipeline_run AS r
	  LEFT JOIN dataplat.quarantine AS q ON q.run_id = r.run_id AND q.object = r.pipeline
	 WHERE r.run_id > $before GROUP BY r.run_id
	HAVING count(q.quarantine_id) > r.rows_quarantined OR (r.kind = 'live' AND r.pipeline IN ('lines', 'latest') AND count(q.quarantine_id) <> r.rows_quarantined)}), '',
	'the counts of runs agree with it');
is(sql(qq{
	SELECT e.dataset, sum((x.result ->> 'unexpected_count')::bigint) = (SELECT count(*) FROM dataplat.quarantine AS q WHERE q.dataset = e.dataset)
	  FROM dataplat.validation_result AS x JOIN dataplat.validation AS v USING (validation_id) JOIN dataplat.pipeline_run AS r ON r.run_id = v.run_id
	  JOIN dataplat.expectation AS e USING (expectation_id)
	 WHERE v.trigger = 'pipeline' AND v.suite IS NULL AND r.kind = 'live' AND e.dataset = 'public.lines' AND e.name = 'a_page' GROUP BY e.dataset}),
	'public.lines|t', 'so do the results of runs');

# Each row that its query yields now and a rule refuses stands there once, and nothing else waits.
my %bad = (
	keyed => q{SELECT to_jsonb(x) AS row FROM (SELECT o.id, o.amount, o.status, c.country FROM public.orders AS o JOIN public.customer AS c ON c.id = o.customer) AS x WHERE amount < 0 OR country = 'c0'},
	gold => q{SELECT to_jsonb(x) FROM (SELECT country, count(*) AS n, sum(amount) AS amount FROM public.keyed GROUP BY country) AS x WHERE amount >= 12500},
	bag => q{SELECT to_jsonb(x) FROM (SELECT id, amount, rank() OVER (ORDER BY amount, id) AS place FROM public.orders) AS x WHERE amount < 0},
	lines => q{SELECT to_jsonb(x) FROM (SELECT id, page FROM public.click) AS x WHERE page <= 0});
foreach my $pipeline (sort keys %bad)
{
	is(sql(qq{
		WITH bad (row) AS ($bad{$pipeline}), entry AS (SELECT * FROM dataplat.quarantine WHERE object = '$pipeline' AND state <> 'superseded')
		SELECT 'bad row', b.row, count(e.quarantine_id) FROM bad AS b LEFT JOIN entry AS e ON e.original = b.row GROUP BY 2 HAVING count(e.quarantine_id) <> 1
		UNION ALL
		SELECT 'entry', e.original, e.quarantine_id FROM entry AS e WHERE e.state IN ('quarantined', 'repaired') AND NOT EXISTS (SELECT FROM bad AS b WHERE b.row = e.original)}),
		'', "$pipeline: each bad row stands aside once");
}
is(sql(q{
	SELECT c.id, count(q.quarantine_id) FROM public.click AS c LEFT JOIN dataplat.quarantine AS q ON q.object = 'latest' AND (q.original ->> 'id')::bigint = c.id
	 GROUP BY c.id, c.page HAVING count(q.quarantine_id) <> (c.page <= 0)::int}), '', 'latest: each bad event does');
cmp_ok(sql(q{SELECT count(*) FROM dataplat.quarantine WHERE state = 'requeued'}), '>', 0, 'some were requeued');
cmp_ok(sql(q{SELECT count(*) FROM dataplat.quarantine WHERE state = 'superseded'}), '>', 0, 'some are past');
note(sql(q{SELECT string_agg(format('%s %s %s', s.object, s.state, s.n), ', ') FROM (SELECT object, state, count(*) AS n FROM dataplat.quarantine GROUP BY 1, 2 ORDER BY 1, 2) AS s}));
note(sql(q{SELECT format('%s kills, %s runs, %s validations, %s results', } . $kills . q{, (SELECT count(*) FROM dataplat.pipeline_run), (SELECT count(*) FROM dataplat.validation), (SELECT count(*) FROM dataplat.validation_result))}));

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|signal 11/, 'nothing worse than the kills');
$node->stop;
done_testing();
