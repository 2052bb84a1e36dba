# Confluent's Python client, unchanged, with the HTTP worker as its registry:
# Avro, JSON Schema and Protobuf, alone and through the embedded broker into
# bronze.  test/kafka/t/160_registry_clients.pl does the same with a real Kafka.
use strict;
use warnings;

use DataplatClients;
use DataplatCluster;
use Test::More;

python_client();
my $node = dataplat_node('main', conf => "dataplat.allowed_hosts = 'localhost, 127.0.0.1'");
python_registers($node, $node->safe_psql('postgres', q{SELECT dataplat.start_dev_broker('{"py-avro": 1, "py-json": 1, "py-protobuf": 1}')}));
$node->stop;
done_testing();
