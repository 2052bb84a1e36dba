# A real Kafka for one TAP test: fresh data, free ports, gone at the end.
#
#	use DataplatKafka;
#	my $kafka = DataplatKafka->new;                  # 4.1.1, one node
#	$kafka->create_topic('orders', 4);
#	$kafka->produce('orders', 0, 'k1' => '{"a": 1}', 'k2' => undef);
#	$kafka->kill9;  $kafka->start;
#
# new() skips the whole test where no Kafka is installed and DATAPLAT_KAFKA_HOME
# is not set; "make test-kafka" installs it.
package DataplatKafka;

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my @running;

# Options: version, secure (1: SASL and TLS listeners and ACLs), nodes,
# conf (server properties, separated by ';'), open (1: no ACL means allowed).
sub new
{
	my ($class, %option) = @_;
	my $self = bless {
		version => $option{version} // '4.1.1',
		secure => $option{secure} ? 1 : 0,
		open => $option{open} ? 1 : 0,
		nodes => $option{nodes} // 1,
		conf => $option{conf} // '',
		data => PostgreSQL::Test::Utils::tempdir('kafka'),
		script => "$ENV{DATAPLAT_SRC}/test/kafka/kafka.sh",
	}, $class;

	plan(skip_all => 'no Kafka here; run "make test-kafka"') unless $ENV{DATAPLAT_KAFKA_HOME};
	# Another process may take a port between our look and the broker's bind.
	for my $try (1 .. 3)
	{
		$self->{port} = free_ports($self->{nodes} * 10);
		push @running, $self if $try == 1;
		return $self if eval { $self->start; 1 };
		diag("Kafka did not start: $@");
		eval { $self->_run('stop') };
	}
	die "could not start Kafka";
}

# The first of $n consecutive ports that nobody listens on, below the range
# that the kernel gives to clients.
sub free_ports
{
	my ($n) = @_;

	for (1 .. 200)
	{
		my $base = 15000 + 10 * int(rand(1700));
		my @open = grep {
			my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $base + $_,
				Proto => 'tcp', Listen => 1, ReuseAddr => 1);
			my $free = defined $s;
			close($s) if $s;
			!$free;
		} 0 .. $n - 1;

		return $base unless @open;
	}
	die "no free ports";
}

sub _run
{
	my ($self, @args) = @_;
	my ($out, $err) = ('', '');
	local %ENV = %ENV;

	$ENV{KAFKA_VERSION} = $self->{version};
	$ENV{KAFKA_DATA} = $self->{data};
	$ENV{KAFKA_PORT} = $self->{port};
	$ENV{KAFKA_NODES} = $self->{nodes};
	$ENV{KAFKA_SECURE} = $self->{secure};
	$ENV{KAFKA_OPEN} = 'true' if $self->{open};
	$ENV{KAFKA_CONF_EXTRA} = $self->{conf};
	# Output goes to a file: the broker would keep a pipe open.  "wipe" removes
	# the data, so the file is beside it.
	my $log = "$self->{data}.log";
	IPC::Run::run([ $self->{script}, @args ], '<', \undef, '>', $log, '2>', "$log.err")
	  or die "kafka.sh @args failed: " . slurp_file("$log.err") . slurp_file($log);
	return slurp_file($log);
}

sub start  { my ($self, @n) = @_; $self->_run('start', @n); return $self; }
sub stop   { my ($self, @n) = @_; $self->_run('stop', @n); return; }
sub kill9  { my ($self, @n) = @_; $self->_run('kill9', @n); return; }
sub pause  { my ($self, @n) = @_; $self->_run('pause', @n); return; }
sub resume { my ($self, @n) = @_; $self->_run('resume', @n); return; }
sub log    { my ($self, $n) = @_; return "$self->{data}/node" . ($n // 1) . '/server.log'; }

sub restart
{
	my ($self, @n) = @_;
	$self->stop(@n);
	return $self->start(@n);
}

# bootstrap('plaintext' | 'sasl' | 'mtls' | 'sasl_ssl' | 'tls')
sub bootstrap
{
	my ($self, $listener) = @_;
	my %shift = (plaintext => 0, sasl => 2, mtls => 3, sasl_ssl => 4, tls => 5);
	my $shift = $shift{ $listener // 'plaintext' } // die "no listener \"$listener\"";

	return join ',', map { '127.0.0.1:' . ($self->{port} + 10 * $_ + $shift) } 0 .. $self->{nodes} - 1;
}

# Certificates: ca.pem, alice.pem, alice.key, bob.*, mallory.* (a stranger).
# The users admin, alice and bob have the passwords NAME-secret.
sub certs
{
	my ($self) = @_;
	return dirname($ENV{DATAPLAT_KAFKA_HOME}) . "/$self->{version}/certs";
}

# Kafka's own tools: tool('topics', '--list').
sub tool
{
	my ($self, @args) = @_;
	return $self->_run('tool', @args);
}

sub create_topic
{
	my ($self, $topic, $partitions, %config) = @_;
	return $self->tool('topics', '--create', '--topic', $topic, '--partitions', $partitions // 1,
		map { ('--config', "$_=$config{$_}") } sort keys %config);
}

sub delete_topic
{
	my ($self, $topic) = @_;
	$self->tool('topics', '--delete', '--topic', $topic);
	# Deletion goes on after the answer.
	for (1 .. 300)
	{
		return if $self->tool('topics', '--list') !~ /^\Q$topic\E$/m;
	}
	die "topic \"$topic\" is still there";
}

sub add_partitions
{
	my ($self, $topic, $partitions) = @_;
	return $self->tool('topics', '--alter', '--topic', $topic, '--partitions', $partitions);
}

# Records up to this offset are deleted, as retention would.
sub delete_records
{
	my ($self, $topic, %before) = @_;
	my $file = "$self->{data}/delete-records.json";
	open my $fh, '>', $file or die $!;
	print $fh '{"version": 1, "partitions": ['
	  . join(', ', map { qq({"topic": "$topic", "partition": $_, "offset": $before{$_}}) } sort keys %before) . ']}';
	close $fh;
	return $self->tool('delete-records', '--offset-json-file', $file);
}

# Produce key and value pairs, in this order; undef is a NULL, for keys too.
sub produce
{
	my ($self, $topic, $partition, @pairs) = @_;
	my $input = '';

	while (my ($key, $value) = splice @pairs, 0, 2)
	{
		$input .= ($key // '') . "\x02" . ($value // '') . "\x03";
	}
	my ($out, $err);
	IPC::Run::run(
		[ 'kcat', '-P', '-q', '-Z', '-b', $self->bootstrap, '-t', $topic, '-p', $partition,
			'-K', "\x02", '-D', "\x03", '-X', 'message.max.bytes=20000000' ],
		'<', \$input, '>', \$out, '2>', \$err) or die "kcat: $err";
	return;
}

END
{
	my $status = $?;
	for my $kafka (@running)
	{
		eval { $kafka->_run('wipe') } or diag($@);
	}
	$? = $status;
}

1;
