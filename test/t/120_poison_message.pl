# A message that kills its worker each time it is decoded takes the server
# down twice, not for ever: then it is a dead letter, and all others are rows.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = mock_broker('orders:1');
my $node = dataplat_node('main', conf => ingest_conf());
my $poison = '{"poison": "dataplat-injected-segv"}';

make_server($node, 'k', $mock->{bootstrap});
produce_lines($mock->{bootstrap}, 'orders', 0, (map { qq({"n": $_}) } 0 .. 99), $poison, (map { qq({"n": $_}) } 101 .. 199));
$node->safe_psql('postgres', q{SELECT dataplat.create_source('orders', 'k', 'orders')});
wait_until($node, q{SELECT o.next_offset FROM dataplat_internal.source_offset AS o}, 'everything is accounted for', expected => 200);

my $crashes = () = slurp_file($node->logfile) =~ /was terminated by signal 11/g;
is($crashes, 2, 'the server went down twice');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT _offset) FROM bronze.orders'), '199|199', 'all other messages are rows');
is($node->safe_psql('postgres', q{SELECT message_offset, stage, sqlstate, convert_from(value, 'UTF8') FROM dataplat.dead_letter}),
	"100|worker_crash|58000|$poison", 'the poison is a dead letter with its bytes');
is($node->safe_psql('postgres', q{SELECT count(*) FROM dataplat.batch AS b WHERE b.rows + b.dead_letters + b.filtered + b.quarantined + b.gaps <> b.to_offset - b.from_offset}),
	'0', 'the ledger adds up');

# It stays so when the server starts anew, and nothing else is blamed.
produce_lines($mock->{bootstrap}, 'orders', 0, map { qq({"n": $_}) } 200 .. 249);
$node->restart;
wait_until($node, q{SELECT o.next_offset FROM dataplat_internal.source_offset AS o}, 'it goes on after a restart', expected => 250);
is($node->safe_psql('postgres', 'SELECT count(*) FROM bronze.orders'), '249', 'with all rows');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat.dead_letter'), '1', 'and one dead letter');

$node->stop;
done_testing();
