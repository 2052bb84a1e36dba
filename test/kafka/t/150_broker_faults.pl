# A broker that is killed or silent under load, and rights that are taken
# away: the source waits and goes on by itself.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use DataplatKafka;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = DataplatKafka->new(secure => 1, open => 1);
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\ndataplat.restart_backoff_max = '1s'\n"));
my $b = $kafka->bootstrap;

make_server($node, 'k', $b);
$kafka->create_topic('orders', 4);
$node->safe_psql('postgres', q{SELECT dataplat.create_source('orders', 'k', 'orders', workers => 2)});
my $load = start_filling($b, 'orders', partitions => 4, records => 20000, rate => 2500, tx_size => 100);
my $rows = 'SELECT sum(o.next_offset) FROM dataplat_internal.source_offset AS o';

wait_until($node, "SELECT ($rows) > 1000", 'rows arrive');
$kafka->pause;
wait_until($node, q{SELECT bool_and(a.xact_start IS NULL) FROM pg_stat_activity AS a WHERE a.backend_type LIKE 'dataplat ingest%'}, 'a silent broker holds no transaction open');
$kafka->resume;
my $at = $node->safe_psql('postgres', $rows);
wait_until($node, "SELECT ($rows) > $at", 'it goes on with the broker');
$kafka->kill9;
wait_until($node, q{SELECT s.state = 'retrying' FROM dataplat.source_status AS s}, 'a broker that is down is told');
like($node->safe_psql('postgres', 'SELECT coalesce(s.reason, s.last_error) FROM dataplat.source_status AS s'), qr/\w/, 'with a reason');
$kafka->start;
$at = $node->safe_psql('postgres', $rows);
wait_until($node, "SELECT ($rows) > $at", 'and it goes on by itself');
finish_filling($load);
wait_ingested($node, 'orders', $load, 'everything has been read');
oracle_ok($node, 'orders', $load, 'nothing lost, nothing repeated, nothing aborted, ledger exact');
wait_until($node, q{SELECT s.lag = 0 FROM dataplat.source_status AS s}, 'lag 0 behind the last marker');

$node->stop;
done_testing();
