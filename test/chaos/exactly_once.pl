# A million records in a real Kafka, a third of them in aborted transactions,
# one in a thousand malformed, while the worker is killed at each of its twelve
# points, the postmaster five times and the broker three times, in an order
# that the seed decides.  The oracle must find every record once.
#
# DATAPLAT_CHAOS_RECORDS and DATAPLAT_CHAOS_RATE change the size, SEED the order.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use DataplatKafka;
use IPC::Run ();
use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $seed = $ENV{SEED} // int(rand(1_000_000));
my $records = $ENV{DATAPLAT_CHAOS_RECORDS} // 1_000_000;
my $rate = $ENV{DATAPLAT_CHAOS_RATE} // 7000;
my $begun = time();

srand($seed);
note("seed $seed, $records records, $rate a second");

my $kafka = DataplatKafka->new;
my $node = dataplat_node('main', conf => ingest_conf("shared_buffers = '256MB'\n"));
my $done = 'SELECT sum(o.next_offset)::bigint FROM dataplat_internal.source_offset AS o';

sub tell
{
	note(sprintf('%5.1f s  %s', time() - $begun, "@_"));
}

# How many offsets are committed; waits for a server that is coming back.
sub committed
{
	my ($rc, $out) = (3, '');
	my $end = time() + 120;

	while (time() < $end)
	{
		($rc, $out) = $node->psql('postgres', $done);
		return $out || 0 if defined $rc && $rc == 0;
		usleep(50_000);
	}
	die 'the server does not come back';
}

sub killed
{
	my $n = () = slurp_file($node->logfile) =~ /was terminated by signal 9/g;
	return $n;
}

# Wait until a background process of ours was killed.
sub wait_killed
{
	my ($before) = @_;
	my $end = time() + 120;

	usleep(20_000) while killed() == $before && time() < $end;
	return killed() == $before + 1;
}

load_injection($node);
make_server($node, 'k', $kafka->bootstrap);
$kafka->create_topic('chaos', 8);
$node->safe_psql('postgres', q{SELECT dataplat.create_source('chaos', 'k', 'chaos', workers => 2, batch_rows => 5000)});

my @faults = shuffle((map { "k$_" } 1 .. 12), ('postmaster') x 5, ('broker') x 3);
my $load = start_filling($kafka->bootstrap, 'chaos', partitions => 8, records => $records, rate => $rate, seed => $seed,
	tx_size => 500, malformed => 0.001);

for my $fault (@faults)
{
	# Each fault meets a source that has moved since the last.
	my $from = committed();
	my $end = time() + 120;
	my $step = $records / 50;

	usleep(50_000) while committed() < $from + $step && time() < $end;
	if ($fault eq 'postmaster')
	{
		my $old = worker_pid($node);

		crash_node($node);
		ok(!kill(0, $old), 'postmaster killed: no worker is left of it');
	}
	elsif ($fault eq 'broker')
	{
		$kafka->kill9;
		$kafka->start;
		pass('broker killed and started');
	}
	else
	{
		my $before = killed();
		inject($node, $fault, 'kill9', skip => int(rand(3)));
		ok(wait_killed($before), "worker killed at $fault");
	}
	tell($fault, 'after', committed(), 'offsets');
}

finish_filling($load);
tell('all is produced:', $load->{out} =~ s/\s+/ /gr);
wait_ingested($node, 'chaos', $load, 'everything has been read', limit => 300);
tell('all is ingested');
oracle_ok($node, 'chaos', $load, 'the oracle: 0 lost, 0 repeated, 0 aborted, each malformed record once, ledger exact');
note("oracle: $_") for split /\n/, $load->{checks};
is($node->safe_psql('postgres', q{SELECT count(*) FROM dataplat.dead_letter WHERE stage = 'worker_crash'}), '0', 'no message was blamed for a crash');
my ($rows, $letters) = split /\|/, $node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM bronze.chaos), (SELECT count(*) FROM dataplat.dead_letter)');
tell("$rows rows, $letters dead letters");
my $words = '';
ok(IPC::Run::run([ 'pg_amcheck', '-d', 'postgres', '-h', $node->host, '-p', $node->port, '-s', 'bronze', '-s', 'dataplat', '-s', 'dataplat_internal',
		'--install-missing' ], '>&', \$words), 'heap and indexes are sound')
  or diag($words);

$node->stop;
done_testing();
