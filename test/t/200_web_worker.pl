# The life of the HTTP worker: it comes and goes with its setting, its
# database, its extension and its server, and needs no restart for any of it.
use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main', allows_streaming => 1);
my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'dataplat web worker'";

# Off by default.
is($node->safe_psql('postgres', $workers), '0', 'no address, no worker');

# An address cannot be written wrongly.
foreach my $bad ('8081', 'localhost', 'localhost:', 'localhost:0', 'localhost:65536', 'example.com:80', '[::1:80', 'localhost:80/', 'a:1,,b:2')
{
	my ($rc, $out, $err) = $node->psql('postgres', "ALTER SYSTEM SET dataplat.web_listen = '$bad'");
	like($err, qr/invalid value for parameter "dataplat.web_listen".*HINT:  Write host:port or host:port\/database/s, "\"$bad\" is refused");
}
foreach my $bad ('basic, none', 'kerberos', '')
{
	isnt($node->psql('postgres', "ALTER SYSTEM SET dataplat.web_auth = '$bad'"), 0, "web_auth \"$bad\" is refused");
}

# On, without a restart.
my $port = web_start($node);
is(http($port, 'GET', '/healthz')->{body}, '{"status":"ok"}', 'it answers');
is(http($port, 'GET', '/readyz')->{status}, 200, 'and is ready');
is($node->safe_psql('postgres', "SELECT state || ' ' || reason FROM dataplat_internal.job_state() WHERE kind = 'web'"),
	"running listens at 127.0.0.1:$port", 'its state names the address');
is($node->safe_psql('postgres', $workers), '1', 'one process');
my $pid = backend_pid($node, 'dataplat web worker');
my $threads = () = glob "/proc/$pid/task/*";
is($threads, 1, 'without threads');

# Another address: the old one closes, the new one opens, the process stays; open connections live on.
my $open = http_connect($port);
is(http($port, 'GET', '/', socket => $open)->{status}, 200, 'a connection that stays open');
my $second = web_start($node);
wait_until($node, "SELECT reason = 'listens at 127.0.0.1:$second' FROM dataplat_internal.job_state() WHERE kind = 'web'", 'the address moved');
is(IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port), undef, 'the old one is closed');
is(http($second, 'GET', '/')->{body}, '{}', 'the new one answers');
is(http($port, 'GET', '/', socket => $open)->{status}, 200, 'the connection through the old address does, too');
is(backend_pid($node, 'dataplat web worker'), $pid, 'all in the same process');

# An address that somebody else has: said in health, tried again, the others work.
my $taken = web_port();
my $squatter = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $taken, Listen => 1, ReuseAddr => 1) or die $!;
$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.web_listen = '127.0.0.1:$second, 127.0.0.1:$taken'");
$node->reload;
wait_until($node, "SELECT cause ~ 'could not listen at 127.0.0.1:$taken: Address already in use' AND action ~ 'still listens at 127.0.0.1:$second' FROM dataplat.health",
	'health tells which address is taken');
is(http($second, 'GET', '/')->{status}, 200, 'the other one answers');
close $squatter;
web_wait($taken);
is(http($taken, 'GET', '/')->{status}, 200, 'once free it is opened');
wait_until($node, 'SELECT count(*) = 0 FROM dataplat.health', 'and health is well');

# Two databases, an address each; a database that does not exist is named.
$node->safe_psql('postgres', 'CREATE DATABASE crm');
$node->safe_psql('crm', 'CREATE EXTENSION dataplat');
$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.web_listen = '127.0.0.1:$second, 127.0.0.1:$taken/crm, 127.0.0.1:1/nowhere'");
$node->reload;
wait_until($node, "SELECT string_agg(datname || '', ',' ORDER BY datname) = 'crm,postgres' FROM pg_stat_activity WHERE backend_type = 'dataplat web worker'",
	'each has a worker');
wait_until($node, "SELECT reason = 'listens at 127.0.0.1:$taken' FROM dataplat_internal.job_state() WHERE kind = 'web'",
	'on the address that moved from one to the other', db => 'crm', limit => 60);
wait_http(200, 'which answers', $taken, 'GET', '/readyz');
is($node->safe_psql('postgres', "SELECT cause FROM dataplat.health WHERE object = 'HTTP worker'"),
	'dataplat.web_listen names database "nowhere", which does not exist.', 'health names the third');

# DROP EXTENSION and DROP DATABASE find it gone, also when clients are connected.
my $client = http_connect($taken);
is(http($taken, 'GET', '/', socket => $client)->{status}, 200, 'a client is connected');
$node->safe_psql('crm', 'DROP EXTENSION dataplat');
ok(http_closed($client), 'DROP EXTENSION ends its connection');
is($node->safe_psql('postgres', "$workers AND datname = 'crm'"), '0', 'and the worker');
$node->safe_psql('crm', 'CREATE EXTENSION dataplat');
web_wait($taken);
$node->safe_psql('postgres', 'DROP DATABASE crm');
is(http($second, 'GET', '/')->{status}, 200, 'the other database is not disturbed');

# A standby does not listen; after a promotion it does.
$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.web_listen = '127.0.0.1:$second'");
$node->reload;
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
my $third = web_port();
$standby->append_conf('postgresql.auto.conf', "dataplat.web_listen = '127.0.0.1:$third'");
$standby->start;
$node->wait_for_catchup($standby, 'replay');
is($standby->safe_psql('postgres', $workers), '0', 'nothing runs on a standby');
$node->stop;
$standby->promote;
web_wait($third);
is(http($third, 'GET', '/readyz')->{status}, 200, 'after its promotion it answers');

# A crash of the whole server, and of the worker alone.
crash_node($standby);
web_wait($third);
wait_http(200, 'after a crash it answers again', $third, 'GET', '/healthz');
my $worker = backend_pid($standby, 'dataplat web worker');
kill 'TERM', $worker;
wait_for_pid($standby, 'dataplat web worker', other => $worker);
web_wait($third);
wait_http(200, 'after SIGTERM another one comes', $third, 'GET', '/healthz');

# Off.
$standby->safe_psql('postgres', "ALTER SYSTEM SET dataplat.web_listen = ''");
$standby->reload;
wait_until($standby, "$workers", 'no address, no worker', expected => '0');
$standby->stop;
done_testing();
