# What a user meets who has not prepared the server: never a crash, always a hint.
use strict;
use warnings;

use DataplatCluster;
use Test::More;

# Without shared_preload_libraries the extension can be created; it says what is missing.
my $node = dataplat_node('main', conf => "shared_preload_libraries = ''", extension => 0);
my ($rc, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION dataplat');
is($rc, 0, 'CREATE EXTENSION works without preload');
like($err, qr/WARNING:  dataplat is not preloaded.*HINT:  Set shared_preload_libraries = 'dataplat'/s, 'with a warning and a hint');
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT dataplat_internal.require_workers()");
like($err, qr/ERROR:  55000: dataplat is not preloaded.*HINT:  Set shared_preload_libraries = 'dataplat'/s,
	'what needs workers refuses, with the line to add');
is($node->safe_psql('postgres', "SELECT severity, object, problem FROM dataplat.health"), 'error|dataplat|not preloaded',
	'health says the same');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat_internal.job_state(), dataplat.progress'), '0',
	'the views of shared memory are empty');
is($node->safe_psql('postgres', "SELECT dataplat_internal.hold_jobs('ingest', 1, 1000), dataplat_internal.wait_job_stopped('ingest', 1, 1000)"),
	't|t', 'there are no workers to wait for');
$node->safe_psql('postgres', 'DROP EXTENSION dataplat; CREATE EXTENSION dataplat');

# Preload it, and everything starts.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'dataplat'");
$node->restart;
wait_until($node, "SELECT scheduler_pid IS NOT NULL AND state = 'running' FROM dataplat_internal.scheduler_state()",
	'after a restart with the library the scheduler runs');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.health'), '0', 'and health is empty');

# A database in another encoding is refused.
$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
($rc, $out, $err) = $node->psql('latin', "\\set VERBOSITY verbose\nCREATE EXTENSION dataplat");
isnt($rc, 0, 'CREATE EXTENSION refuses a LATIN1 database');
like($err, qr/ERROR:  0A000: dataplat cannot be used in a database with encoding LATIN1.*HINT:  Create the database with ENCODING 'UTF8'/s,
	'and says what to do');

# dataplat.databases narrows it down; a wrong list is refused.
$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.databases = 'latin, other'");
$node->reload;
wait_until($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'dataplat%' AND datname = 'postgres'",
	'a database that is not listed has no workers');
isnt($node->psql('postgres', "ALTER SYSTEM SET dataplat.databases = '\"'"), 0, 'a list that cannot be read is refused');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET dataplat.databases');
$node->reload;
wait_until($node, 'SELECT scheduler_pid IS NOT NULL FROM dataplat_internal.scheduler_state()', 'listed again, it has');

# An extension of another version than the library: nothing runs, and it says so.
$node->safe_psql('postgres', "UPDATE pg_catalog.pg_extension SET extversion = '0.0.1' WHERE extname = 'dataplat'; SELECT dataplat_internal.wake_scheduler()");
wait_until($node, 'SELECT state FROM dataplat_internal.scheduler_state()', 'version skew stops the scheduler\'s work', expected => 'failed');
like($node->safe_psql('postgres', "SELECT action FROM dataplat.health WHERE object = 'dataplat scheduler'"),
	qr/ALTER EXTENSION dataplat UPDATE/, 'with the way out');
$node->safe_psql('postgres', "UPDATE pg_catalog.pg_extension SET extversion = (SELECT version FROM dataplat.version() WHERE part = 'library') WHERE extname = 'dataplat'; SELECT dataplat_internal.wake_scheduler()");
wait_until($node, 'SELECT state FROM dataplat_internal.scheduler_state()', 'and back', expected => 'running');

$node->stop;
done_testing();
