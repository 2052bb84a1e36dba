# A graph with diamonds under constant writes: whatever a reader sees in one
# snapshot belongs together.  Two workers, and users who run pipelines by hand.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;

my $ROUNDS = $ENV{DATAPLAT_CONSISTENCY_ROUNDS} // 100;
my $node = dataplat_node('main', conf => "dataplat.pipeline_workers = 2\nmax_connections = 30\n");

sub sql { return $node->safe_psql('postgres', $_[0]); }

# accounts -> silver -> by_kind, by_owner -> total_a, total_b -> both; and a
# second component of its own, so that two workers have something to do
sql(q{
	CREATE TABLE public.account (id int PRIMARY KEY, kind int NOT NULL, owner int NOT NULL, balance int NOT NULL);
	INSERT INTO public.account SELECT i, i % 5, i % 7, 100 FROM generate_series(1, 200) AS i;
	CREATE TABLE public.visit (id int PRIMARY KEY, page int NOT NULL);
	SELECT dataplat.create_pipeline('silver', 'public.silver', 'SELECT id, kind, owner, balance FROM public.account', keys => '{id}');
	SELECT dataplat.create_pipeline('by_kind', 'public.by_kind', 'SELECT kind, count(*) AS n, sum(balance) AS balance FROM public.silver GROUP BY kind');
	SELECT dataplat.create_pipeline('by_owner', 'public.by_owner', 'SELECT owner, count(*) AS n, sum(balance) AS balance FROM public.silver GROUP BY owner');
	SELECT dataplat.create_pipeline('total_a', 'public.total_a', 'SELECT 1 AS one, sum(n) AS n, sum(balance) AS balance FROM public.by_kind GROUP BY 1', keys => '{one}');
	SELECT dataplat.create_pipeline('total_b', 'public.total_b', 'SELECT 1 AS one, sum(n) AS n, sum(balance) AS balance FROM public.by_owner GROUP BY 1', keys => '{one}');
	SELECT dataplat.create_pipeline('difference', 'public.difference',
		'SELECT a.one, a.n - b.n AS n, a.balance - b.balance AS balance FROM public.total_a AS a JOIN public.total_b AS b ON b.one = a.one', keys => '{one}');
	SELECT dataplat.create_pipeline('direct', 'public.direct', 'SELECT 1 AS one, count(*) AS n, sum(balance) AS balance FROM public.account GROUP BY 1', keys => '{one}');
	SELECT dataplat.create_pipeline('pages', 'public.pages', 'SELECT page, count(*) AS n FROM public.visit GROUP BY page');
	SELECT dataplat.create_pipeline('visits', 'public.visits', 'SELECT 1 AS one, count(*) AS n FROM public.visit GROUP BY 1', keys => '{one}');
});
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
		'<', \undef, '>', \$w->{out}, '2>', \$w->{err}, IPC::Run::timeout(600));
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
		until timestamptz := clock_timestamp() + interval '5 minutes';
	BEGIN
		WHILE n < rounds AND clock_timestamp() < until LOOP
			SELECT a.n, a.balance, b.n AS bn, b.balance AS bb, d.n AS dn, d.balance AS db, x.n AS xn, x.balance AS xb,
			       (SELECT count(*) FROM public.silver) AS sn, (SELECT sum(p.n) FROM public.pages AS p) AS pn
			  INTO seen
			  FROM public.total_a AS a, public.total_b AS b, public.difference AS d, public.direct AS x;
			IF (seen.n, seen.balance) IS DISTINCT FROM (seen.bn, seen.bb) OR (seen.n, seen.balance) IS DISTINCT FROM (seen.xn, seen.xb)
			   OR seen.dn <> 0 OR seen.db <> 0 OR seen.sn <> seen.n THEN
				INSERT INTO bad VALUES (seen::text);
			END IF;
			IF seen.balance IS DISTINCT FROM last THEN
				n := n + 1;
				last := seen.balance;
			END IF;
			COMMIT;
		END LOOP;
		INSERT INTO public.stop VALUES (true);
		RAISE NOTICE '% rounds', n;
	END \$\$;
	CALL pg_temp.look($ROUNDS);
	SELECT count(*) FROM bad; SELECT b.what FROM bad AS b LIMIT 3;
});
is($out, '0', "in $ROUNDS states that a reader has seen, the tables of one component belong together");
for my $w (@writers)
{
	$w->{run}->finish;
	is($w->{err}, '', 'a writer had no error');
}
wait_until($node, q{SELECT (SELECT count(*) FROM public.visit) = (SELECT v.n FROM public.visits AS v)
	AND (SELECT sum(balance) FROM public.account) = (SELECT d.balance FROM public.direct AS d)}, 'everything has come down');
is(sql(q{SELECT string_agg(concat_ws('|', v.missing, v.extra, v.different), ' ') FROM dataplat.pipeline AS p
	CROSS JOIN LATERAL dataplat.verify_pipeline(p.name) AS v}), join(' ', ('0|0|0') x 9), 'and all nine are what their queries say');
diag(sql(q{SELECT string_agg(r.sqlstate || ' ' || r.n, ', ') FROM (SELECT sqlstate, count(*) AS n FROM dataplat.pipeline_run WHERE state = 'failed' GROUP BY 1) AS r}) // '');
$node->stop;
done_testing();
