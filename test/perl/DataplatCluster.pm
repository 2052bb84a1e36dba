# A PostgreSQL server with dataplat for one TAP test.
#
#	use DataplatCluster;
#	my $node = dataplat_node('main', conf => "dataplat.enabled = on");
#	wait_until($node, 'SELECT count(*) = 3 FROM bronze.orders', 'three rows');
#
# The node is a PostgreSQL::Test::Cluster: start, stop, kill9, safe_psql and
# the rest are its own.
package DataplatCluster;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

our @EXPORT = qw(dataplat_node wait_until wait_for_pid kill_backend
  crash_node backend_pid load_oracle source_dir);

# Where the sources of dataplat lie.
sub source_dir
{
	return $ENV{DATAPLAT_SRC} || die "DATAPLAT_SRC is not set: run tests by \"make test-tap\"";
}

# Make and start a node with the extension in database "postgres".
# Options: conf (lines for postgresql.conf), start (0: only init),
# extension (0: do not create it), allows_streaming.
sub dataplat_node
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => $option{allows_streaming} // 0);
	$node->append_conf('postgresql.conf', slurp_file(source_dir() . '/test/kit/test.conf'));
	$node->append_conf('postgresql.conf', $option{conf}) if defined $option{conf};
	return $node if defined $option{start} && !$option{start};

	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION dataplat')
	  unless defined $option{extension} && !$option{extension};
	return $node;
}

# With DATAPLAT_TEST_EVENTS, a server makes all OpenLineage events that it can
# make before it ends in whatever way, and before a statement of a test drops a
# database or the extension (test/openlineage/collect.sql).
sub hand_over_events
{
	my ($node, @dbs) = @_;
	my ($all, $out, $err) = ('', '', '');

	return unless defined $node->{_pid};
	eval {
		$node->psql('postgres', 'SELECT datname FROM pg_database WHERE datallowconn AND NOT pg_is_in_recovery()',
			stdout => \$all, stderr => \$err, timeout => 60);
		foreach my $db (split /\n/, $all)
		{
			next if @dbs && !grep { $_ eq $db } @dbs;
			$node->psql(
				$db, "SET lock_timeout = '20s';
				SELECT 'SELECT dataplat_internal.hand_over_events()' FROM pg_extension WHERE extname = 'dataplat' \\gexec",
				stdout => \$out, stderr => \$err, timeout => 120);
			print "# events of $db: $err\n" if $err ne '';
		}
	};
	print "# events were not handed over: $@\n" if $@;
	return;
}

if ($ENV{DATAPLAT_TEST_EVENTS})
{
	my $stop = \&PostgreSQL::Test::Cluster::stop;
	my $psql = \&PostgreSQL::Test::Cluster::psql;
	no warnings 'redefine';
	*PostgreSQL::Test::Cluster::stop = sub {
		hand_over_events($_[0]);
		return $stop->(@_);
	};
	*PostgreSQL::Test::Cluster::psql = sub {
		my ($node, $db, $sql) = @_;
		my @gone = ($sql // '') =~ /\bDROP DATABASE (\w+)/g;

		push @gone, $db if ($sql // '') =~ /\bDROP EXTENSION dataplat\b/;
		hand_over_events($node, @gone) if @gone;
		return $psql->(@_);
	};
}

# Wait until a query answers true, however often the server goes away in the
# meantime; the test fails with the last answer when the limit is over.
# Options: db, limit (seconds), expected.
sub wait_until
{
	my ($node, $query, $label, %option) = @_;
	my $limit = $option{limit} // $PostgreSQL::Test::Utils::timeout_default;
	my $expected = $option{expected} // 't';
	my $end = time() + $limit;
	my ($out, $err) = ('', '');

	while (time() < $end)
	{
		my $rc = eval {
			$node->psql($option{db} // 'postgres', $query,
				stdout => \$out, stderr => \$err, on_error_die => 0, timeout => 60);
		};

		if (defined $rc && $rc == 0 && $out eq $expected)
		{
			pass($label) if defined $label;
			return 1;
		}
		usleep(50_000);
	}
	diag("gave up after $limit s: $query");
	diag("last answer: \"$out\" $err");
	fail($label // 'wait_until');
	return 0;
}

# The pid of the first server process whose backend_type or application_name
# is like a pattern, or undef.
sub backend_pid
{
	my ($node, $pattern, %option) = @_;
	my $out = '';
	# psql may end before it has read the query, when the server crashes
	my $rc = eval {
		$node->psql(
			$option{db} // 'postgres',
		"SELECT a.pid FROM pg_catalog.pg_stat_activity AS a
		  WHERE (a.backend_type LIKE '$pattern' OR a.application_name LIKE '$pattern')
			AND a.pid <> pg_catalog.pg_backend_pid() ORDER BY a.backend_start LIMIT 1",
			stdout => \$out, stderr => \my $err);
	};

	return defined $rc && $rc == 0 && $out =~ /^(\d+)$/ ? $1 : undef;
}

# Wait for such a process, which is not the pid "other".
sub wait_for_pid
{
	my ($node, $pattern, %option) = @_;
	my $end = time() + ($option{limit} // $PostgreSQL::Test::Utils::timeout_default);

	while (time() < $end)
	{
		my $pid = backend_pid($node, $pattern, %option);

		return $pid if defined $pid && $pid != ($option{other} // 0);
		usleep(50_000);
	}
	die "no process like \"$pattern\"";
}

# kill -9 a server process and wait until it is gone.
sub kill_backend
{
	my ($node, $pattern, %option) = @_;
	my $pid = wait_for_pid($node, $pattern, %option);

	kill 'KILL', $pid or die "could not kill $pid: $!";
	my $end = time() + 60;
	usleep(20_000) while kill(0, $pid) && time() < $end;
	return $pid;
}

# kill -9 the postmaster, wait until its children have noticed, start again.
sub crash_node
{
	my ($node) = @_;
	my $pid = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

	$node->kill9;
	my $end = time() + 60;
	usleep(20_000) while kill(0, $pid) && time() < $end;
	# Shared memory must be free, or the new postmaster refuses.
	while (time() < $end && PostgreSQL::Test::Utils::system_log('pg_ctl', '-D', $node->data_dir, 'status') == 0)
	{
		usleep(20_000);
	}
	# A child that still runs makes the start fail; it ends by itself.
	for my $try (1 .. 100)
	{
		last if $node->start(fail_ok => 1);
		usleep(100_000);
	}
	return;
}

# The oracle's functions, which say what is lost, repeated or out of order.
sub load_oracle
{
	my ($node, $db) = @_;
	$node->safe_psql($db // 'postgres', slurp_file(source_dir() . '/test/tools/oracle.sql'));
	return;
}

1;
