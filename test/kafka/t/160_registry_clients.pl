# Confluent's Python client registers its schemas at the HTTP worker and sends
# its messages through a real Kafka; sources read them into typed columns.
use strict;
use warnings;

use DataplatClients;
use DataplatCluster;
use DataplatKafka;
use Test::More;

python_client();
my $kafka = DataplatKafka->new;
my $node = dataplat_node('main', conf => "dataplat.allowed_hosts = 'localhost, 127.0.0.1'");
$kafka->create_topic("py-$_", 1) foreach 'avro', 'json', 'protobuf';
python_registers($node, $kafka->bootstrap);
$node->stop;
done_testing();
