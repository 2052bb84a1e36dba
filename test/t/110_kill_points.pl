# A worker that dies at any point of a batch: the server restarts, the source
# goes on by itself, and the oracle finds every message once.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Test::More;

my $mock = mock_broker('orders:4');
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\n"));

load_injection($node);
make_server($node, 'k', $mock->{bootstrap});
$node->safe_psql('postgres', q{SELECT dataplat.create_source('orders', 'k', 'orders', batch_rows => 300)});

# One load for all points, slow enough that each of them meets live messages.
my $load = start_filling($mock->{bootstrap}, 'orders', partitions => 4, records => 30000, rate => 1500, malformed => 0.01, mock => 1);

for my $n (1 .. 12)
{
	wait_until($node, 'SELECT sum(o.rows) > 0 FROM dataplat_internal.source_offset AS o', undef);
	my $pid = worker_pid($node);

	inject($node, "k$n", 'kill9', skip => $n % 3);
	wait_for_pid($node, 'dataplat ingest%', other => $pid);
	pass("k$n: a new worker after the crash");
}

finish_filling($load);
wait_ingested($node, 'orders', $load, 'everything has been read');
oracle_ok($node, 'orders', $load, 'nothing lost, nothing repeated, ledger exact');

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
my $crashes = () = $log =~ /was terminated by signal 9/g;
is($crashes, 12, 'twelve workers were killed');
unlike($log, qr/PANIC|TRAP/, 'and nothing worse');
is($node->safe_psql('postgres', q{SELECT count(*) FROM dataplat.dead_letter WHERE stage = 'worker_crash'}), '0', 'no message was blamed for it');

$node->stop;
done_testing();
