# Statements that cannot run beside workers: they make way, and come back.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main', conf => 'dataplat.restart_backoff_min = 200ms');
my $busy = q{
	CREATE TABLE public.probe_job (id int PRIMARY KEY, name text, behaviour text);
	INSERT INTO public.probe_job VALUES (1, 'one', 'idle'), (2, 'two', 'busy');
	SELECT dataplat_internal.wake_scheduler();
};
my $all_run = "SELECT count(*) = 2 FROM dataplat_internal.job_state() WHERE kind = 'probe' AND pid IS NOT NULL";
my $none_run = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '%s' AND backend_type LIKE 'dataplat%%'";

$node->safe_psql('postgres', $busy);
wait_until($node, $all_run, 'workers run');

# DROP EXTENSION, rolled back: workers were away, and come back.
is($node->safe_psql('postgres', q{
	BEGIN;
	DROP EXTENSION dataplat;
	SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('dataplat scheduler', 'dataplat probe worker');
	ROLLBACK;
}), '0', 'DROP EXTENSION sends the workers away first');
wait_until($node, $all_run, 'a rollback brings them back');

# A user who may not drop it does not even disturb them.
my $pid = $node->safe_psql('postgres', "SELECT pid FROM dataplat_internal.job_state() WHERE object = 'one'");
$node->safe_psql('postgres', 'CREATE ROLE nobody');
for my $statement ('DROP EXTENSION dataplat', 'ALTER EXTENSION dataplat UPDATE', 'DROP DATABASE postgres',
	'CREATE DATABASE c TEMPLATE postgres', 'ALTER DATABASE postgres RENAME TO p')
{
	my ($rc) = $node->psql('template1', "SET ROLE nobody; $statement");
	($rc) = $node->psql('postgres', "SET ROLE nobody; $statement") if $statement =~ /EXTENSION/;
	isnt($rc, 0, "refused: $statement");
}
is($node->safe_psql('postgres', "SELECT pid FROM dataplat_internal.job_state() WHERE object = 'one'"), $pid,
	'and the worker is the same as before');

# ALTER EXTENSION UPDATE.
$node->safe_psql('postgres', 'ALTER EXTENSION dataplat UPDATE');
wait_until($node, $all_run, 'workers run after ALTER EXTENSION UPDATE');

# CREATE DATABASE ... TEMPLATE: the copy is fenced until somebody adopts it.
$node->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE postgres');
wait_until($node, $all_run, 'the template works on');
wait_until($node, "SELECT state FROM dataplat_internal.scheduler_state()", 'the copy is fenced',
	db => 'copy', expected => 'fenced');
is($node->safe_psql('copy', "SELECT DISTINCT state FROM dataplat_internal.job_state() WHERE kind = 'probe'"), 'fenced',
	'so are its jobs');
is($node->safe_psql('copy', "SELECT severity, problem FROM dataplat.health WHERE object = 'copy'"), 'error|fenced',
	'and health says so');
my $uuid = $node->safe_psql('postgres', 'SELECT install_uuid FROM dataplat_internal.installation');
isnt($node->safe_psql('copy', "SELECT dataplat.adopt('fork')"), $uuid, 'a fork has an identity of its own');
wait_until($node, $all_run, 'an adopted copy works', db => 'copy');

# ALTER DATABASE ... RENAME, and DROP DATABASE, under running workers.
$node->safe_psql('postgres', 'ALTER DATABASE copy RENAME TO renamed');
wait_until($node, $all_run, 'workers follow a renamed database', db => 'renamed');
$node->safe_psql('postgres', 'ALTER DATABASE renamed ALLOW_CONNECTIONS false');
wait_until($node, sprintf($none_run, 'renamed'), 'they leave a database without connections');
$node->safe_psql('postgres', 'ALTER DATABASE renamed ALLOW_CONNECTIONS true');
wait_until($node, $all_run, 'and return to it', db => 'renamed');
$node->safe_psql('postgres', 'DROP DATABASE renamed');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'renamed'"), '0', 'DROP DATABASE works');

# A dump brings its identity along.
my $dump = $node->backup_dir . '/dump.sql';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $dump, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-q', '-f', $dump, 'restored' ],
	'restore');
wait_until($node, "SELECT state FROM dataplat_internal.scheduler_state()", 'a restored database is fenced',
	db => 'restored', expected => 'fenced');
is($node->safe_psql('restored', "SELECT dataplat.adopt('resume')"), $uuid, 'resume keeps the identity of the dump');
wait_until($node, $all_run, 'and goes on', db => 'restored');
$node->safe_psql('postgres', 'DROP DATABASE restored');

# DROP EXTENSION for good, and back.
$node->safe_psql('postgres', 'DROP EXTENSION dataplat');
wait_until($node, sprintf($none_run, 'postgres'), 'nothing runs without the extension');
$node->safe_psql('postgres', 'CREATE EXTENSION dataplat');
wait_until($node, $all_run, 'CREATE EXTENSION starts all again');

# Templates and closed databases were never entered.
my $log = slurp_file($node->logfile);
unlike($log, qr/FATAL/, 'no process died on its way');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'dataplat%' AND datname LIKE 'template%'}),
	'0', 'no worker in a template');

$node->stop;
done_testing();
