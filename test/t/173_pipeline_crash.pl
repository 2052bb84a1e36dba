# Workers and the whole server die at any point of a run, a rebuild, a backfill
# and a rotation of change logs, while two sessions write; afterwards each
# target is what its query says, and nothing is needed for that.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;
use Time::HiRes qw(usleep);

my $ROUNDS = $ENV{DATAPLAT_CRASH_ROUNDS} // 9;
my $SEED = $ENV{DATAPLAT_CRASH_SEED} // 1;
my $node = dataplat_node('main', conf => "dataplat.pipeline_workers = 2\ndataplat.restart_backoff_min = '100ms'\n"
	  . "dataplat.rebuild_chunk_rows = 25\ndataplat.change_log_segment_size = '8kB'\n");

note("seed $SEED, $ROUNDS rounds");
srand($SEED);
load_injection($node);
$node->safe_psql('postgres', q{
	CREATE TABLE public.orders (id int PRIMARY KEY, customer int NOT NULL, amount int NOT NULL);
	CREATE TABLE public.customer (id int PRIMARY KEY, country text NOT NULL);
	INSERT INTO public.customer SELECT i, 'c' || i % 4 FROM generate_series(1, 20) AS i;
	INSERT INTO public.orders SELECT i, 1 + i % 20, i FROM generate_series(1, 500) AS i;
	CREATE TABLE public.click (id int PRIMARY KEY, page int);
	SELECT dataplat.create_pipeline('silver', 'public.silver', 'SELECT o.id, o.amount, c.country FROM public.orders AS o JOIN public.customer AS c ON c.id = o.customer', keys => '{id}');
	SELECT dataplat.create_pipeline('gold', 'public.gold', 'SELECT country, count(*) AS n, sum(amount) AS amount FROM public.silver GROUP BY country');
	SELECT dataplat.create_pipeline('all_of_it', 'public.all_of_it', 'SELECT 1 AS one, count(*) AS n, sum(amount) AS amount FROM public.orders GROUP BY 1', keys => '{one}');
	SELECT dataplat.create_pipeline('pages', 'public.pages', 'SELECT page, count(*) AS n FROM public.click GROUP BY page')});
wait_until($node, 'SELECT bool_and(s.filled) FROM dataplat_internal.pipeline_state AS s', 'the graph is filled');

# A short burst of writes by two sessions, whatever becomes of the server.
my $burst = q{
	DO $$
	BEGIN
		PERFORM setseed(%f);
		FOR i IN 1 .. 25 LOOP
			UPDATE public.orders SET amount = amount + 1, customer = 1 + (random() * 19)::int WHERE id = 1 + (random() * 499)::int;
			UPDATE public.customer SET country = 'c' || (random() * 4)::int WHERE id = 1 + (random() * 19)::int;
			INSERT INTO public.orders SELECT max(id) + 1, 1 + i %% 20, i FROM public.orders ON CONFLICT DO NOTHING;
			DELETE FROM public.orders WHERE id = 1 + (random() * 499)::int;
			INSERT INTO public.click SELECT coalesce(max(id), 0) + 1, i %% 7 FROM public.click ON CONFLICT DO NOTHING;
			COMMIT;
		END LOOP;
	END $$};

sub start_burst
{
	my ($n) = @_;
	my $b = { out => '', err => '' };
	$b->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', sprintf($burst, $n / 1000) ],
		'<', \undef, '>', \$b->{out}, '2>', \$b->{err}, IPC::Run::timeout(120));
	return $b;
}

my @points = qw(p1 p2 p3 p4 changelog_before_switch changelog_after_switch changelog_before_truncate changelog_after_truncate);
my @work = (q{SELECT dataplat.rebuild_pipeline('silver')}, q{SELECT dataplat.backfill_pipeline('silver', '100', '400')}, 'SELECT 1');
my $kills = 0;
my $rebuilding = 0;
for (my $round = 1; $round <= $ROUNDS || ($round <= 6 * $ROUNDS && ($kills < $ROUNDS / 3 || $rebuilding == 0)); $round++)
{
	my $point = $points[ $round % @points ];
	my $whole = $round % 3 == 0;

	inject($node, $point, 'kill9', skip => int(rand(4))) unless $whole;
	# refused while the last one goes on
	$node->psql('postgres', $work[ int(rand(@work)) ]);
	my @bursts = map { start_burst(10 * $round + $_) } 1 .. 2;
	if ($whole)
	{
		# somewhere in the middle, the postmaster
		usleep(1000 * int(rand(120)));
		crash_node($node);
		$kills++;
	}
	for my $b (@bursts)
	{
		eval { $b->{run}->finish };
	}
	$kills++ if !$whole && grep { $_->{err} =~ /terminat|closed|lost|recovery/ } @bursts;
	wait_until($node, 'SELECT true', undef);
	$rebuilding++ if $node->safe_psql('postgres', 'SELECT count(*) FROM dataplat_internal.pipeline_rebuild') > 0;
}
# points that were not reached must not fire in the checks
wait_until($node, "SELECT public.inject_set('$_', 'none', 0, 0)", undef) for @points;
cmp_ok($kills, '>=', $ROUNDS / 3, "$kills crashes");
cmp_ok($rebuilding, '>', 0, "$rebuilding of them in the middle of a rebuild or a backfill");
wait_until($node, q{SELECT count(*) = 2 FROM pg_stat_activity AS a WHERE a.backend_type = 'dataplat pipeline worker'}, 'the workers are back by themselves');
is($node->safe_psql('postgres', q{SELECT count(*) FROM dataplat.pipeline AS p WHERE NOT dataplat.wait_for_pipeline(p.name, '1 minute')}), '0', 'everything comes down');
is($node->safe_psql('postgres', q{SELECT string_agg(concat_ws('|', v.missing, v.extra, v.different), ' ') FROM dataplat.pipeline AS p
	CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v}), join(' ', ('0|0|0') x 4), 'all targets are what their queries say');
is($node->safe_psql('postgres', q{SELECT string_agg(concat_ws(': ', r.pipeline, r.reason), ', ') FROM dataplat.pipeline_run AS r
	WHERE r.kind = 'full' AND r.reason <> 'first run'}), '',
	'and none was computed afresh for it');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|signal 11/, 'nothing worse than the kills');
$node->stop;
done_testing();
