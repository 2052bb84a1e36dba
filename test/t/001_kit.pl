# The kit itself: a server with the extension comes up, survives kill -9 of
# itself, and has the extension still.
use strict;
use warnings;

use DataplatCluster;
use Test::More;

my $node = dataplat_node('main');

is($node->safe_psql('postgres', "SELECT extname FROM pg_catalog.pg_extension WHERE extname = 'dataplat'"),
	'dataplat', 'the extension is created');

# Under "make check-versions" the library must be the one that was put there.
if ($ENV{DATAPLAT_EXPECT_LIBRDKAFKA})
{
	is($node->safe_psql('postgres', "SELECT version FROM dataplat.version() WHERE part = 'librdkafka'"),
		$ENV{DATAPLAT_EXPECT_LIBRDKAFKA}, 'the server runs with the newest librdkafka');
}

crash_node($node);
wait_until($node, "SELECT count(*) = 1 FROM pg_catalog.pg_extension WHERE extname = 'dataplat'",
	'and is there after a crash');

$node->stop;
done_testing();
