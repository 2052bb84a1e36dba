# Incremental is always equal to full: the property test, short and with a
# fixed seed.  "make check-incremental" is the long one (test/incremental).
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main', conf => ingest_conf("max_prepared_transactions = 10\n"));

# Run one of the scripts on a database of its own; what it says is shown when it fails.
sub part
{
	my ($name, $label, $script, @args) = @_;
	my $out = '';

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	my $good = IPC::Run::run([ 'python3', '-B', source_dir() . "/test/incremental/$script", '--conninfo', $node->connstr($name), @args ],
		'<', \undef, '>&', \$out);
	ok($good, $label) or diag(substr($out, 0, 8000));
	return $out;
}

part('harness', 'the harness sees mistakes', 'harness.py', '--seed', 1);
part('deltas', 'the change log tells what changed', 'deltas.py', '--seed', 180, '--rounds', 60);
my $said = part('tables', 'targets equal their queries', 'check.py', '--seed', 180, '--rounds', 300, '--kill-9');
my ($incremental, $all) = $said =~ /^incremental: (\d+) of (\d+);/m;
cmp_ok($incremental // 0, '>=', 90, 'most of them run incrementally') or diag($said);
part('generated', 'random queries, too', 'generated.py', '--seed', 181, '--rounds', 60, '--no-kills', '--no-storms');
part('bronze', 'bronze in any order of arrival', 'bronze.py', '--seed', 180, '--tools', tool(''));
$node->stop;
done_testing();
