# What libavro-c writes we read as it does; make check-avro does so at length.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $src = source_dir();
my $tools = PostgreSQL::Test::Utils::tempdir();
my $seed = $ENV{SEED} || 1;
my $node = dataplat_node('main');

command_ok([ 'make', '-s', '-C', "$src/test/tools", 'avro', "OUT=$tools" ], 'the oracle builds');
$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS dataplat');
command_like(
	[ 'python3', '-B', "$src/test/avro/oracle.py", '--conninfo', $node->connstr('postgres'), '--oracle', "$tools/avro_oracle", '--seed', $seed, '--rounds', 500 ],
	qr/500 schemas and values written by libavro-c, 0 differ/, "values of 500 random schemas are equal, seed $seed");

done_testing();
