# Watching tagged statements never stands in their way: without the extension,
# when it goes while a session runs, in parallel plans, prepared transactions,
# rolled back ones, for roles without any right, under an older version.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main', conf => "dataplat.enabled = off\nmax_prepared_transactions = 2\ndataplat.run_id = '0198c4a7-2f7e-7b1a-9c1d-5f0a3e6b7c21'\n");

sub sql
{
	my ($db, $statements) = @_;
	return $node->safe_psql($db, $statements);
}

# What was told, and forget it.
sub told
{
	my ($db) = @_;
	return sql($db // 'postgres', q{SET dataplat.observe_lineage = off; WITH gone AS (DELETE FROM dataplat.observed_statement RETURNING *)
		SELECT concat_ws(' ', command, target, state, rows, username) FROM gone ORDER BY statement_id});
}

# Nobody has made the extension in this database.
sql('postgres', 'CREATE DATABASE plain');
is(sql('plain', 'CREATE TABLE a AS SELECT 1 AS i; BEGIN; INSERT INTO a SELECT i + 1 FROM a; COMMIT; SELECT sum(i) FROM a'), '3', 'a database without the extension');

# It goes, and comes again, while a session runs.
is(sql('plain', q{
	CREATE EXTENSION dataplat;
	INSERT INTO a VALUES (3);
	BEGIN; INSERT INTO a VALUES (4); DROP EXTENSION dataplat; INSERT INTO a VALUES (5); COMMIT;
	INSERT INTO a VALUES (6);
	CREATE EXTENSION dataplat;
	INSERT INTO a VALUES (7);
	SELECT count(*) FROM a}), '7', 'the extension is dropped and made in a session');
like(told('plain'), qr/^INSERT public\.a COMPLETE 1 \w+\z/m, 'what came after is told');

# A version that has no function for it yet: the note is lost, nothing else.
is(sql('plain', q{
	ALTER EXTENSION dataplat DROP FUNCTION dataplat_internal.record_observed(jsonb);
	DROP FUNCTION dataplat_internal.record_observed(jsonb);
	INSERT INTO a VALUES (8);
	SELECT count(*) FROM a}), '8', 'an older version of the SQL');
sql('postgres', 'DROP DATABASE plain (FORCE)');

# Roles without a right in the extension; names that a role may not look up.
sql('postgres', q{
	CREATE ROLE nobody;
	CREATE SCHEMA s; CREATE TABLE s.orders (id int, amount numeric); GRANT ALL ON SCHEMA s TO nobody; GRANT ALL ON s.orders TO nobody;
	CREATE TABLE public.secret (id int)});
told();
my $user = sql('postgres', q{SET ROLE nobody; INSERT INTO s.orders VALUES (1, 1), (2, 2); SELECT session_user});
is(told(), "INSERT s.orders COMPLETE 2 $user", 'a role without rights is observed');
my ($rc, $out, $err) = $node->psql('postgres', 'SET ROLE nobody; INSERT INTO public.secret VALUES (1)');
like($err, qr/permission denied for table secret/, 'the server refuses what it refused');
is(told(), '', 'which is no statement that ran');

# Parallel plans: the leader tells, once.
sql('postgres', q{
	SET dataplat.observe_lineage = off;
	CREATE TABLE s.big AS SELECT g AS id, g % 7 AS kind FROM generate_series(1, 20000) AS g; ANALYZE s.big});
sql('postgres', q{
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
	CREATE TABLE s.kinds AS SELECT kind, count(*) AS n FROM s.big GROUP BY kind});
is(told(), "CREATE TABLE AS s.kinds COMPLETE 7 $user", 'a parallel plan');
is(sql('postgres', q{SELECT count(*) FROM dataplat_internal.lineage_edge WHERE output_node = 's.kinds' AND input_node = 's.big'}) > 0, 1, 'with its lineage');

# A transaction that is prepared tells before; one that is given up, after.
sql('postgres', q{BEGIN; INSERT INTO s.orders VALUES (3, 3); PREPARE TRANSACTION 'two'});
is(told(), '', 'a prepared transaction is not seen');
sql('postgres', q{COMMIT PREPARED 'two'});
is(told(), "INSERT s.orders COMPLETE 1 $user", 'until it is committed');
sql('postgres', q{BEGIN; INSERT INTO s.orders VALUES (4, 4); ROLLBACK});
wait_until($node, 'SELECT count(*) = 1 FROM dataplat.observed_statement', 'a session that ends tells what it gave up');
is(told(), "INSERT s.orders ABORT 1 $user", 'as given up');

# More than is kept of them: nothing grows, and the newest is told.
sql('postgres', 'BEGIN; INSERT INTO s.orders VALUES (5, 5); ROLLBACK;' x 1100 . 'INSERT INTO s.orders VALUES (6, 6)');
my @all = split /\n/, told();
cmp_ok(scalar(@all), '<=', 1001, 'so many are kept');
is($all[-1], "INSERT s.orders COMPLETE 1 $user", 'the last one is the newest');

# A session that is ended by force takes its notes along.
($rc, $out, $err) = $node->psql('postgres', q{BEGIN; INSERT INTO s.orders VALUES (7, 7); ROLLBACK; SELECT pg_terminate_backend(pg_backend_pid())});
is(told(), '', 'a session that is terminated tells nothing');

# Read-only transactions, and a cancelled statement.
is(sql('postgres', q{CREATE TEMP TABLE t (i int); SET default_transaction_read_only = on; INSERT INTO t VALUES (1); SELECT i FROM t}), '1', 'a read-only session');
($rc, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '100ms'; INSERT INTO s.orders SELECT g, g FROM generate_series(1, 1000000000) AS g});
like($err, qr/canceling statement due to statement timeout/, 'a statement is cancelled as ever');
wait_until($node, q{SELECT count(*) = 1 FROM dataplat.observed_statement WHERE state = 'FAIL' AND sqlstate = '57014'}, 'and told so when the session ends');

$node->stop;
done_testing();
