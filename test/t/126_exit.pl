# However a process ends that holds a Kafka client, no exit handler of a library
# runs beside the client's threads: OpenSSL's would take the server down.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('exit', conf => ingest_conf("dataplat.restart_backoff_min = '1s'\n"));
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
my $bootstrap = $node->safe_psql('postgres', q{SELECT dataplat.start_dev_broker('{"orders": 1, "wrong": 1}')});

$node->safe_psql('postgres', <<"EOQ");
CREATE SERVER k FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '$bootstrap');
CREATE SERVER no_tls FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '$bootstrap', "security.protocol" 'ssl');
CREATE SERVER silent FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:@{[ $silent->sockport ]}', "security.protocol" 'ssl');
SELECT dataplat.produce('k', 'wrong', '{');
EOQ

# A worker that ends by an error, in the middle of its reconnecting.
$node->safe_psql('postgres', q{SELECT dataplat.create_source('no_tls', 'no_tls', 'orders')});
source_is($node, 'no_tls', 'retrying', 'a worker ended by an error');

# One that stays down.
$node->safe_psql('postgres', q{SELECT dataplat.create_source('wrong', 'k', 'wrong', on_error => 'stop')});
source_is($node, 'wrong', 'failed', 'a worker gave up');

# One that is terminated while it reads.
$node->safe_psql('postgres', q{SELECT dataplat.create_source('orders', 'k', 'orders')});
source_is($node, 'orders', 'running', 'a worker that reads');
my $pid = backend_pid($node, 'dataplat:orders');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
isnt(wait_for_pid($node, 'dataplat:orders', other => $pid), $pid, 'was terminated, and another came');

# Sessions that are terminated in the middle of a question, or while they keep a producer.
my $nth = 0;
for my $call (q{dataplat.peek_topic('silent', 'orders')}, q{dataplat.test_connection('silent')},
	q{dataplat.produce('silent', 'orders', 'x')}, q{dataplat.produce('k', 'orders', '{}')})
{
	my $name = 'session' . ++$nth;
	my ($in, $out, $err) = ("SELECT FROM $call;\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') . " application_name=$name" ],
		'<', \$in, '>', \$out, '2>', \$err);

	$session->pump while length $in;
	wait_until($node, "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = '$name' AND query LIKE '%dataplat.%'
		AND state = '" . ($call =~ /'k'/ ? 'idle' : 'active') . "' AND wait_event IS NOT NULL", "$call: waits", expected => '1');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE application_name = '$name'");
	wait_until($node, "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = '$name'", "$call: was terminated", expected => '0');
	$session->kill_kill;
}

is($node->safe_psql('postgres', q{SELECT dataplat.drop_source('orders')}), '', 'a worker whose source is dropped');
$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/exit handlers run beside threads/, 'no exit handler ran beside threads');
unlike($log, qr/terminated by signal|PANIC|TRAP/, 'no crash');
done_testing();
