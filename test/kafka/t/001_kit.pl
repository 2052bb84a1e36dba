# The kit itself: a real broker comes up, keeps its records over kill -9, and
# takes topics, deletes and NULL values.
use strict;
use warnings;

use DataplatKafka;
use IPC::Run;
use Test::More;

my $kafka = DataplatKafka->new;

# Read a partition from its start to its end.
sub records
{
	my ($topic) = @_;
	my $out;
	IPC::Run::run([ 'kcat', '-C', '-e', '-q', '-Z', '-b', $kafka->bootstrap, '-t', $topic, '-p', 0, '-f', "%o %k %s\n" ],
		'>', \$out);
	return $out;
}

$kafka->create_topic('orders', 2);
$kafka->produce('orders', 0, a => '1', b => undef, a => '3');
is(records('orders'), "0 a 1\n1 b NULL\n2 a 3\n", 'records and a NULL value');

$kafka->kill9;
$kafka->start;
is(records('orders'), "0 a 1\n1 b NULL\n2 a 3\n", 'they survive kill -9');

$kafka->delete_records('orders', 0 => 2);
is(records('orders'), "2 a 3\n", 'the log starts later after delete_records');

done_testing();
