# The scripted broker (test/broker/) for TAP tests.
#
#	use DataplatBroker;
#	my $broker = fake_broker(seed => 1);
#	$broker->tell('topic', topic => 'orders', partitions => 2);
#	$broker->tell('append', topic => 'orders', count => 100);
#	$broker->rule('Fetch', 'close', count => 3);
#	$broker->wait_hits(3, 'three connections were closed');
package DataplatBroker;

use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use Exporter 'import';
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

our @EXPORT = qw(fake_broker fake_source accounts_for log_lines);

my @running;
my $json = JSON::PP->new->canonical->allow_nonref;

sub fake_broker
{
	my (%option) = @_;
	my $self = bless { in => '', out => '', err => '' }, 'DataplatBroker';
	my $seed = $option{seed} // $ENV{DATAPLAT_SEED} // 1;

	$self->{run} = IPC::Run::start([ 'python3', source_dir() . '/test/broker/broker.py', $seed ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, IPC::Run::timeout(900));
	push @running, $self;
	my $hello = $self->_answer;
	$self->{bootstrap} = $hello->{bootstrap};
	note("scripted broker with seed $seed");
	return $self;
}

sub _answer
{
	my ($self) = @_;

	$self->{run}->pump until $self->{out} =~ s/^(.*)\n//;
	my $answer = $json->decode($1);
	die "scripted broker: $answer->{error}\n$self->{err}" unless $answer->{ok};
	return $answer;
}

# One command; its answer as a hash.
sub tell
{
	my ($self, $do, %args) = @_;

	$self->{in} .= $json->encode({ do => $do, %args }) . "\n";
	return $self->_answer;
}

sub rule
{
	my ($self, $api, $action, %args) = @_;
	return $self->tell('rule', api => $api, action => $action, %args);
}

# Wait until the rules have met this many requests.
sub wait_hits
{
	my ($self, $hits, $label, $limit) = @_;
	my $end = time() + ($limit // $PostgreSQL::Test::Utils::timeout_default);

	while (time() < $end)
	{
		if ($self->tell('state')->{hits} >= $hits)
		{
			pass($label) if defined $label;
			return 1;
		}
		usleep(50_000);
	}
	diag("gave up waiting for $hits hits of a rule");
	fail($label // 'wait_hits');
	return 0;
}

sub count
{
	my ($self, $api) = @_;
	return $self->tell('state')->{counts}{$api} // 0;
}

# A source that reads topic $topic of the broker into bronze.$topic.
sub fake_source
{
	my ($node, $broker, $topic) = @_;

	make_server($node, 'k', $broker->{bootstrap});
	$node->safe_psql('postgres', "SELECT dataplat.create_source('$topic', 'k', '$topic')");
	return;
}

# Rows are at exactly these offsets of partition 0, and the ledger accounts for
# all up to "next".  The list is as generate_series wants it: '0-9,15,20-29'.
sub accounts_for
{
	my ($node, $topic, $offsets, $next, $label) = @_;
	my @offsets = map { /^(\d+)-(\d+)$/ ? ($1 .. $2) : $_ } split /,/, $offsets;

	wait_until($node, "SELECT o.next_offset FROM dataplat_internal.source_offset AS o WHERE o.source = '$topic' AND o.partition = 0",
		undef, expected => $next);
	is($node->safe_psql('postgres', "SELECT string_agg(b._offset::text, ',' ORDER BY b._offset) FROM bronze.$topic AS b WHERE b._partition = 0"),
		join(',', @offsets), $label);
	is($node->safe_psql('postgres', "
		SELECT o.rows + o.dead_letters + o.filtered + o.quarantined + o.gaps = o.next_offset - o.first_offset AND o.rows = " . scalar(@offsets) . "
			AND (SELECT sum(b.to_offset - b.from_offset) = o.next_offset - o.first_offset
					AND sum(b.rows) = o.rows AND sum(b.gaps) = o.gaps
					AND bool_and(b.rows + b.dead_letters + b.filtered + b.quarantined + b.gaps = b.to_offset - b.from_offset)
				   FROM dataplat.batch AS b WHERE b.source = o.source AND b.partition = o.partition AND b.generation = o.generation)
		  FROM dataplat_internal.source_offset AS o WHERE o.source = '$topic' AND o.partition = 0"),
		't', "$label: the ledger is exact");
	return;
}

# Lines of the server log about dataplat from position $from on, beside starts
# and stops of workers.
sub log_lines
{
	my ($node, $from) = @_;
	return grep { /(LOG|WARNING|ERROR|FATAL|PANIC|HINT|DETAIL):/ } split /\n/, substr(slurp_file($node->logfile), $from);
}

END
{
	my $status = $?;
	for my $broker (@running)
	{
		eval { $broker->{run}->kill_kill(grace => 2) };
	}
	$? = $status;
}

1;
