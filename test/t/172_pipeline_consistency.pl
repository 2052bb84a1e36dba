# Fifty pipelines in a graph of depth six, with diamonds, under constant writes:
# whatever a reader sees in one snapshot belongs together.  Two workers, and a
# user who runs a pipeline by hand.
#
# DATAPLAT_CONSISTENCY_ROUNDS: states that the reader must have seen;
# DATAPLAT_CONSISTENCY_SECONDS: how long it looks at least.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;

my $ROUNDS = $ENV{DATAPLAT_CONSISTENCY_ROUNDS} // 40;
my $SECONDS = $ENV{DATAPLAT_CONSISTENCY_SECONDS} // 0;
my $node = dataplat_node('main', conf => "dataplat.pipeline_workers = 2\nmax_connections = 30\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub pipeline
{
	my ($name, $query, @keys) = @_;
	my $keys = @keys ? ", keys => '{" . join(',', @keys) . "}'" : '';

	sql("SELECT dataplat.create_pipeline('$name', 'public.$name', \$\$$query\$\$$keys)");
	return;
}

# All rows of several tables, by one column.
sub merged
{
	my ($column, @tables) = @_;
	my $all = join ' UNION ALL ', map { "SELECT $column, n, balance FROM public.$_" } @tables;

	return "SELECT $column, sum(n) AS n, sum(balance) AS balance FROM ($all) AS x GROUP BY $column";
}

sql(q{
	CREATE TABLE public.account (id int PRIMARY KEY, kind int NOT NULL, owner int NOT NULL, balance int NOT NULL);
	INSERT INTO public.account SELECT i, i % 5, i % 7, 100 FROM generate_series(1, 200) AS i;
	CREATE TABLE public.visit (id int PRIMARY KEY, page int NOT NULL)});

# The same accounts go down two ways, by kind and by owner, and meet again.
for my $i (0 .. 9)
{
	pipeline("silver_$i", "SELECT id, kind, owner, balance FROM public.account WHERE id % 10 = $i", 'id');
	pipeline("kind_$i", "SELECT kind, count(*) AS n, sum(balance) AS balance FROM public.silver_$i GROUP BY kind");
	pipeline("owner_$i", "SELECT owner, count(*) AS n, sum(balance) AS balance FROM public.silver_$i GROUP BY owner");
}
for my $i (0 .. 4)
{
	pipeline("kinds_$i", merged('kind', "kind_$i", 'kind_' . ($i + 5)));
	pipeline("owners_$i", merged('owner', "owner_$i", 'owner_' . (9 - $i)));
}
pipeline('upper_kind', merged('kind', 'kinds_0', 'kinds_1'));
pipeline('lower_kind', merged('kind', 'kinds_2', 'kinds_3', 'kinds_4'));
pipeline('upper_owner', merged('owner', 'owners_0', 'owners_1', 'owners_2'));
pipeline('lower_owner', merged('owner', 'owners_3', 'owners_4'));
pipeline('total_a', 'SELECT 1 AS one, sum(n) AS n, sum(balance) AS balance FROM (SELECT n, balance FROM public.upper_kind UNION ALL SELECT n, balance FROM public.lower_kind) AS x GROUP BY 1', 'one');
pipeline('total_b', 'SELECT 1 AS one, sum(n) AS n, sum(balance) AS balance FROM (SELECT n, balance FROM public.upper_owner UNION ALL SELECT n, balance FROM public.lower_owner) AS x GROUP BY 1', 'one');
pipeline('difference', 'SELECT a.one, a.n - b.n AS n, a.balance - b.balance AS balance FROM public.total_a AS a JOIN public.total_b AS b ON b.one = a.one', 'one');
pipeline('direct', 'SELECT 1 AS one, count(*) AS n, sum(balance) AS balance FROM public.account GROUP BY 1', 'one');

# a component of its own, so that two workers have something to do
pipeline('pages', 'SELECT page, count(*) AS n FROM public.visit GROUP BY page');
pipeline('visits', 'SELECT 1 AS one, count(*) AS n FROM public.visit GROUP BY 1', 'one');
is(sql('SELECT count(*) FROM dataplat.pipeline'), '50', 'fifty pipelines');
wait_until($node, 'SELECT bool_and(s.filled) FROM dataplat_internal.pipeline_state AS s', 'the graph is filled');

# Writers: transfers, which change no total; openings and closings, which do.
# They stop when the reader has looked often enough.
sql(q{
	CREATE TABLE public.stop (done boolean);
	CREATE PROCEDURE public.write(who int) LANGUAGE plpgsql AS $$
	DECLARE
		i int := 0;
	BEGIN
		PERFORM setseed(who / 10.0);
		WHILE NOT EXISTS (SELECT FROM public.stop) LOOP
			i := i + 1;
			BEGIN
				UPDATE public.account SET balance = balance + CASE id % 2 WHEN 0 THEN 1 ELSE -1 END WHERE id IN (2 * who, 2 * who + 1);
				IF i % 3 = 0 THEN
					INSERT INTO public.account VALUES (1000 * who + i, i % 5, i % 7, i);
				ELSIF i % 3 = 1 THEN
					DELETE FROM public.account WHERE id = 1000 * who + i - 4;
				ELSE
					UPDATE public.account SET kind = (random() * 4)::int, owner = (random() * 6)::int WHERE id = 1 + (random() * 199)::int;
				END IF;
				INSERT INTO public.visit VALUES (1000000 * who + i, i % 11);
			EXCEPTION WHEN deadlock_detected THEN
				NULL;	-- two writers met; this one's work is undone
			END;
			COMMIT;
			PERFORM pg_sleep(0.002); -- lint: sleeps on purpose
		END LOOP;
	END $$;
	CREATE PROCEDURE public.meddle() LANGUAGE plpgsql AS $$
	BEGIN
		WHILE NOT EXISTS (SELECT FROM public.stop) LOOP
			PERFORM dataplat.run_pipeline('pages');
			COMMIT;
			PERFORM pg_sleep(0.01); -- lint: sleeps on purpose
		END LOOP;
	END $$;
});
my @writers;
for my $call ('CALL public.write(1)', 'CALL public.write(2)', 'CALL public.write(3)', 'CALL public.meddle()')
{
	my $w = { out => '', err => '' };
	$w->{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $call ],
		'<', \undef, '>', \$w->{out}, '2>', \$w->{err}, IPC::Run::timeout(600 + 2 * $SECONDS));
	push @writers, $w;
}

# Each look is one statement and so one snapshot; a look that shows a new
# number of accounts counts as a round.
my $out = sql(qq{
	CREATE TEMP TABLE bad (what text);
	CREATE PROCEDURE pg_temp.look(rounds int) LANGUAGE plpgsql AS \$\$
	DECLARE
		n    int := 0;
		last numeric := -1;
		seen record;
		least timestamptz := clock_timestamp() + interval '$SECONDS seconds';
		until timestamptz := clock_timestamp() + interval '$SECONDS seconds' + interval '5 minutes';
	BEGIN
		WHILE (n < rounds OR clock_timestamp() < least) AND clock_timestamp() < until LOOP
			SELECT a.n, a.balance, b.n AS bn, b.balance AS bb, d.n AS dn, d.balance AS db, x.n AS xn, x.balance AS xb,
			       (SELECT count(*) FROM public.silver_3) + (SELECT count(*) FROM public.silver_8) AS sn, (SELECT sum(k.n) FROM public.kinds_3 AS k) AS kn
			  INTO seen
			  FROM public.total_a AS a, public.total_b AS b, public.difference AS d, public.direct AS x;
			IF (seen.n, seen.balance) IS DISTINCT FROM (seen.bn, seen.bb) OR (seen.n, seen.balance) IS DISTINCT FROM (seen.xn, seen.xb)
			   OR seen.dn <> 0 OR seen.db <> 0 OR seen.sn <> seen.kn THEN
				INSERT INTO bad VALUES (seen::text);
			END IF;
			IF seen.balance IS DISTINCT FROM last THEN
				n := n + 1;
				last := seen.balance;
			END IF;
			COMMIT;
		END LOOP;
		INSERT INTO public.stop VALUES (true);
		INSERT INTO pg_temp.seen VALUES (n);
	END \$\$;
	CREATE TEMP TABLE seen (n int);
	CALL pg_temp.look($ROUNDS);
	SELECT count(*) FROM bad; SELECT b.what FROM bad AS b LIMIT 3; SELECT s.n FROM pg_temp.seen AS s;
});
my ($wrong, @rest) = split /\n/, $out;
cmp_ok($rest[-1], '>=', $ROUNDS, "a reader saw $rest[-1] states");
is($wrong, '0', 'and in each of them the tables of one component belong together') or diag($out);
for my $w (@writers)
{
	$w->{run}->finish;
	is($w->{err}, '', 'a writer had no error');
}
wait_until($node, q{SELECT (SELECT count(*) FROM public.visit) = (SELECT v.n FROM public.visits AS v)
	AND (SELECT sum(balance) FROM public.account) = (SELECT d.balance FROM public.direct AS d)}, 'everything has come down');
is(sql(q{SELECT string_agg(concat_ws('|', v.missing, v.extra, v.different), ' ') FROM dataplat.pipeline AS p
	CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v}), join(' ', ('0|0|0') x 50), 'and all fifty are what their queries say');
diag(sql(q{SELECT string_agg(r.sqlstate || ' ' || r.n, ', ') FROM (SELECT sqlstate, count(*) AS n FROM dataplat.pipeline_run WHERE state = 'failed' GROUP BY 1) AS r}) // '');
$node->stop;
done_testing();
