# A topic that dp_oracle fills, a source that reads it, and the oracle's word
# on what has become of it.
#
#	use DataplatIngest;
#	my $mock = mock_broker('orders:4');
#	my $load = fill_topic($mock->{bootstrap}, 'orders', partitions => 4, records => 8000, mock => 1);
#	make_server($node, 'k', $mock->{bootstrap});
#	$node->safe_psql('postgres', q{SELECT dataplat.create_source('orders', 'k', 'orders')});
#	wait_ingested($node, 'orders', $load, 'all is there');
#	oracle_ok($node, 'orders', $load, 'nothing lost, nothing repeated');
package DataplatIngest;

use strict;
use warnings;

use DataplatCluster;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

our @EXPORT = qw(tool run_tool mock_broker mock_command make_server fill_topic start_filling finish_filling
  wait_ingested oracle_ok load_injection inject worker_pid produce_lines source_is ingest_conf);

my @mocks;

# Settings that make a worker come back quickly; enough for every test here.
sub ingest_conf
{
	my ($more) = @_;
	return "dataplat.allowed_hosts = '*, 127.0.0.1'\ndataplat.restart_backoff_min = '100ms'\n" . ($more // '');
}

sub tool
{
	my ($name) = @_;
	return source_dir() . "/build/tools/$name";
}

# Run one of the test tools; returns what it printed, dies when it fails.
sub run_tool
{
	my ($name, @args) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ tool($name), @args ], '<', \undef, '>', \$out, '2>', \$err) or die "$name @args: $err$out";
	return $out;
}

# A mock broker in a process of its own: it outlives every crash of the server.
sub mock_broker
{
	my (@topics) = @_;
	my $mock = { in => '', out => '', err => '' };

	$mock->{run} = IPC::Run::start([ tool('dp_mockd'), @topics ], '<', \$mock->{in}, '>', \$mock->{out}, '2>', \$mock->{err},
		IPC::Run::timeout(900));
	$mock->{run}->pump until $mock->{out} =~ /^bootstrap (\S+)\n/m;
	$mock->{bootstrap} = $1;
	$mock->{out} = '';
	push @mocks, $mock;
	return $mock;
}

# Tell the mock broker something: mock_command($mock, 'down 1').
sub mock_command
{
	my ($mock, $command) = @_;

	$mock->{out} = '';
	$mock->{in} .= "$command\n";
	$mock->{run}->pump until $mock->{out} =~ /\n/;
	die "$command: $mock->{out}" unless $mock->{out} =~ /^ok/;
	return;
}

sub make_server
{
	my ($node, $name, $bootstrap, %option) = @_;
	$node->safe_psql($option{db} // 'postgres',
		qq(CREATE SERVER $name FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '$bootstrap')));
	return;
}

# Let dp_oracle fill a topic: in the background (start, finish) or at once.
# Options: partitions, records, malformed, aborted, seed, rate, mock (it knows
# no transactions), args.
sub start_filling
{
	my ($bootstrap, $topic, %option) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $load = { manifest => "$dir/manifest.csv", ends => "$dir/ends.csv", err => '', out => '' };
	my @args = (
		'-b', $bootstrap, '--topic', $topic, '--manifest', $load->{manifest}, '--ends', $load->{ends},
		'--partitions', $option{partitions} // 4, '--records', $option{records} // 8000,
		'--seed', $option{seed} // 1, '--malformed-ratio', $option{malformed} // 0.001,
		'--tx-size', $option{tx_size} // 200, '--rate', $option{rate} // 0);

	push @args, $option{mock} ? '--no-transactions' : ('--abort-ratio', $option{aborted} // 0.3333);
	push @args, @{ $option{args} // [] };
	$load->{run} = IPC::Run::start([ tool('dp_oracle'), @args ], '<', \undef, '>', \$load->{out}, '2>', \$load->{err});
	return $load;
}

sub finish_filling
{
	my ($load) = @_;

	$load->{run}->finish or die "dp_oracle: $load->{err}$load->{out}";
	my %end = map { /^(\d+),(\d+)$/ ? ($1 => $2) : () } split /\n/, slurp_file($load->{ends});
	$load->{end} = \%end;
	return $load;
}

sub fill_topic
{
	return finish_filling(start_filling(@_));
}

# Wait until the stored offsets are at the ends that dp_oracle has told.
sub wait_ingested
{
	my ($node, $source, $load, $label, %option) = @_;
	my $expected = join ',', map { "$_:$load->{end}{$_}" } sort { $a <=> $b } keys %{ $load->{end} };

	return wait_until($node,
		"SELECT string_agg(o.partition || ':' || o.next_offset, ',' ORDER BY o.partition)
		   FROM dataplat_internal.source_offset AS o WHERE o.source = '$source'",
		$label, expected => $expected, %option)
	  || diag($node->safe_psql($option{db} // 'postgres',
			"SELECT state, reason, last_error FROM dataplat.source_status WHERE source = '$source'"));
}

# All checks of the oracle as one test.
# Options: db, bronze.  What it said stays in $load->{checks}.
sub oracle_ok
{
	my ($node, $source, $load, $label, %option) = @_;
	my $db = $option{db} // 'postgres';
	my $bronze = $option{bronze} // "bronze.$source";
	my @ends = map { $load->{end}{$_} } sort { $a <=> $b } keys %{ $load->{end} };

	load_oracle($node, $db);
	$node->safe_psql($db, 'TRUNCATE oracle.manifest');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-c', 'COPY oracle.manifest FROM STDIN CSV HEADER' ],
		'<', $load->{manifest}) or die 'could not load the manifest';
	my $checks = $node->safe_psql($db,
		"SELECT c.ok, c.\"check\", c.detail FROM oracle.check('$bronze', '$source', 'oracle.manifest', ARRAY[" . join(',', @ends) . ']::bigint[]) AS c');
	$load->{checks} = $checks;
	my @lines = split /\n/, $checks;
	my @bad = grep { !/^t\|/ } @lines;

	ok(@lines > 10 && !@bad, $label) or diag(join "\n", @bad ? @bad : @lines);
	return !@bad;
}

# The functions of the build with kill points.
sub load_injection
{
	my ($node, $db) = @_;
	$node->safe_psql($db // 'postgres', q{
		CREATE FUNCTION public.inject_set(point text, action text, count int, skip int) RETURNS boolean
			LANGUAGE c STRICT AS '$libdir/dataplat', 'dp_inject_set';
		CREATE FUNCTION public.inject_passed(point text) RETURNS bigint
			LANGUAGE c STRICT AS '$libdir/dataplat', 'dp_inject_passed'});
	return;
}

sub inject
{
	my ($node, $point, $action, %option) = @_;
	# The server may be coming back from the crash before.
	return wait_until($node, sprintf("SELECT public.inject_set('%s', '%s', %d, %d)", $point, $action, $option{count} // 1, $option{skip} // 0),
		undef, db => $option{db});
}

sub worker_pid
{
	my ($node, %option) = @_;
	return wait_for_pid($node, 'dataplat ingest%', %option);
}

# One message a line, in order.
sub produce_lines
{
	my ($bootstrap, $topic, $partition, @lines) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ tool('dp_kafka'), 'produce', $topic, '-b', $bootstrap, '-p', $partition ],
		'<', \(join('', map { "$_\n" } @lines)), '>', \$out, '2>', \$err) or die "dp_kafka: $err";
	return;
}

# Wait for a state of the source; shows its reason when it does not come.
sub source_is
{
	my ($node, $source, $state, $label, %option) = @_;
	return wait_until($node, "SELECT s.state FROM dataplat.source_status AS s WHERE s.source = '$source'", $label, expected => $state, %option)
	  || diag($node->safe_psql($option{db} // 'postgres', "SELECT * FROM dataplat.source_status AS s WHERE s.source = '$source'"));
}

END
{
	my $status = $?;
	for my $mock (@mocks)
	{
		eval { $mock->{run}->kill_kill(grace => 2) };
	}
	$? = $status;
}

1;
