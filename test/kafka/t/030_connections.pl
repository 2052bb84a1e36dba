# Every way to log in to a real Kafka, and what test_connection says of each
# way to get it wrong.  No secret may show up anywhere.
use strict;
use warnings;

use DataplatCluster;
use DataplatKafka;
use PostgreSQL::Test::Utils;
use Test::More;

my $kafka = DataplatKafka->new(secure => 1);
my $old = DataplatKafka->new(secure => 1, version => '3.9.1');
my $node = dataplat_node('main', conf => "log_min_messages = debug1\nlog_statement = none");
my $ca = slurp_file($kafka->certs . '/ca.pem');
my $scram_is_broken =
  $node->safe_psql('postgres', q{SELECT detail FROM dataplat.version() AS v (part, detail, note) WHERE part = 'librdkafka'}) =~
  /^(?:2\.[0-5]\.|2\.6\.0)/;

$kafka->create_topic('orders', 2);
$old->create_topic('orders', 1);

# Declare a server "s", and how the role that tests logs in to it.
sub connect_as
{
	my ($server, $mapping) = @_;
	my $options = sub {
		my ($pairs) = @_;
		return join ', ', map { qq("$_" ') . ($pairs->{$_} =~ s/'/''/gr) . q(') } sort keys %$pairs;
	};

	$node->safe_psql('postgres', 'DROP SERVER IF EXISTS s CASCADE');
	$node->safe_psql('postgres', 'CREATE SERVER s FOREIGN DATA WRAPPER dataplat_kafka OPTIONS (' . $options->($server) . ')');
	$node->safe_psql('postgres', 'CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (' . $options->($mapping) . ')')
	  if $mapping;
	return;
}

# The steps that pass, and the one that does not with its detail.
sub steps
{
	my $out = $node->safe_psql('postgres', "SELECT step, ok, detail FROM dataplat.test_connection('s')");
	my (@good, $bad, $detail);

	for my $line (split /\n/, $out)
	{
		my ($step, $ok, $text) = split /\|/, $line, 3;
		if ($ok eq 't') { push @good, $step; }
		else { ($bad, $detail) = ($step, $text); }
	}
	note($out);
	return (join(' ', @good), $bad // 'none', $detail // '', $out);
}

# This way in works, from end to end.
sub works
{
	my ($label, $server, $mapping, $expected) = @_;

	connect_as($server, $mapping);
	my ($good, $bad) = steps();
	is("$good; $bad", "$expected; none", "$label: every step passes");
	is($node->safe_psql('postgres', "SELECT partition FROM dataplat.produce('s', 'orders', '$label', partition => 0)"),
		'0', "$label: produce");
	is($node->safe_psql('postgres', "SELECT value FROM dataplat.peek_topic('s', 'orders', 0, rows => 1)"),
		$label, "$label: peek");
	return;
}

# This way in fails at a step, with words that help.
sub fails
{
	my ($label, $server, $mapping, $step, @patterns) = @_;

	connect_as($server, $mapping);
	my (undef, $bad, $detail) = steps();
	is($bad, $step, "$label: fails at $step");
	like($detail, $_, "$label: says $_") for @patterns;
	return;
}

my %alice = ('sasl.username' => 'admin', 'sasl.password' => 'admin-secret');
my %wrong = ('sasl.username' => 'admin', 'sasl.password' => 'canary-word');
my $plain = 'options resolve connect metadata version brokers topics';
my $sasl = 'options resolve connect authenticate metadata version brokers topics';
my $tls = 'options resolve connect tls metadata version brokers topics';
my $both = 'options resolve connect tls authenticate metadata version brokers topics';

works('plaintext', { 'bootstrap.servers' => $kafka->bootstrap }, undef, $plain);
like((steps())[3], qr/Kafka 4 or newer/, 'the release is recognised');
works('sasl plain',
	{ 'bootstrap.servers' => $kafka->bootstrap('sasl'), 'security.protocol' => 'SASL_PLAINTEXT', 'sasl.mechanism' => 'PLAIN' },
	\%alice, $sasl);
works('sasl plain over tls',
	{ 'bootstrap.servers' => $kafka->bootstrap('sasl_ssl'), 'security.protocol' => 'SASL_SSL', 'sasl.mechanism' => 'PLAIN', 'ssl.ca.pem' => $ca },
	\%alice, $both);
works('tls',
	{ 'bootstrap.servers' => $kafka->bootstrap('tls'), 'security.protocol' => 'SSL', 'ssl.ca.pem' => $ca },
	undef, $tls);

# SCRAM: Kafka 3.9 takes it, Kafka 4 only from librdkafka 2.6.1 on.
for my $mechanism ('SCRAM-SHA-256', 'SCRAM-SHA-512')
{
	works($mechanism,
		{ 'bootstrap.servers' => $old->bootstrap('sasl'), 'security.protocol' => 'SASL_PLAINTEXT', 'sasl.mechanism' => $mechanism },
		\%alice, $sasl);
}
like((steps())[3], qr/Kafka 3\.9/, 'the older release is recognised');
my %scram = ('bootstrap.servers' => $kafka->bootstrap('sasl'), 'security.protocol' => 'SASL_PLAINTEXT', 'sasl.mechanism' => 'SCRAM-SHA-256');
if ($scram_is_broken)
{
	fails('SCRAM on Kafka 4', \%scram, \%alice, 'authenticate',
		qr/This broker is Kafka 4 or newer/, qr/Kafka 4 refuses SCRAM of librdkafka before 2\.6\.1: use sasl\.mechanism PLAIN/);
}
else
{
	works('SCRAM on Kafka 4', \%scram, \%alice, $sasl);
}

# Certificates of clients.  alice needs rights: the listener maps her name.
my %mtls = ('bootstrap.servers' => $kafka->bootstrap('mtls'), 'security.protocol' => 'SSL', 'ssl.ca.pem' => $ca);
my $certificate = sub {
	my ($who) = @_;
	return { 'ssl.certificate.pem' => slurp_file($kafka->certs . "/$who.pem"), 'ssl.key.pem' => slurp_file($kafka->certs . "/$who.key") };
};
$kafka->tool('acls', '--add', '--allow-principal', 'User:alice', '--operation', 'All', '--topic', '*');
$kafka->tool('acls', '--add', '--allow-principal', 'User:alice', '--operation', 'IdempotentWrite', '--cluster');
works('client certificate', \%mtls, $certificate->('alice'), $tls);
fails('no client certificate', \%mtls, undef, 'tls', qr/wants a client certificate/, qr/ssl\.certificate\.pem/);
fails('a stranger\'s certificate', \%mtls, $certificate->('mallory'), 'tls', qr/client certificate/);

# Wrong passwords and mechanisms.
fails('wrong password',
	{ 'bootstrap.servers' => $kafka->bootstrap('sasl'), 'security.protocol' => 'SASL_PLAINTEXT', 'sasl.mechanism' => 'PLAIN' },
	\%wrong, 'authenticate', qr/refused the user name, the password or the mechanism/, qr/sasl\.password/);
my ($rc, $out, $err) = $node->psql('postgres', "SELECT dataplat.produce('s', 'orders', 'x')");
like($err, qr/could not produce.*refused the user name/s, 'wrong password: produce says the same, at once');
($rc, $out, $err) = $node->psql('postgres', "SELECT dataplat.peek_topic('s', 'orders')");
like($err, qr/could not read.*refused the user name/s, 'wrong password: so does peek_topic');

# Wrong certificates.
fails('wrong authority',
	{ 'bootstrap.servers' => $kafka->bootstrap('tls'), 'security.protocol' => 'SSL', 'ssl.ca.pem' => slurp_file($kafka->certs . '/mallory.pem') },
	undef, 'tls', qr/not signed by a trusted authority/, qr/ssl\.ca\.pem/);

# The wrong protocol for the port.
fails('plaintext to a SASL port', { 'bootstrap.servers' => $kafka->bootstrap('sasl') },
	undef, 'protocol', qr/expects authentication or TLS/, qr/security\.protocol/);
fails('plaintext to a TLS port', { 'bootstrap.servers' => $kafka->bootstrap('tls') },
	undef, 'protocol', qr/expects (?:authentication or )?TLS/, qr/security\.protocol/);
fails('SASL to a plaintext port',
	{ 'bootstrap.servers' => $kafka->bootstrap, 'security.protocol' => 'SASL_PLAINTEXT', 'sasl.mechanism' => 'PLAIN' },
	\%alice, 'authenticate', qr/does not expect authentication/);

# bob may log in and has no rights at all.
my %bob = ('sasl.username' => 'bob', 'sasl.password' => 'bob-secret');
connect_as({ 'bootstrap.servers' => $kafka->bootstrap('sasl'), 'security.protocol' => 'SASL_PLAINTEXT', 'sasl.mechanism' => 'PLAIN' }, \%bob);
my ($good, $bad, undef, $all) = steps();
is("$good; $bad", "$sasl; none", 'no rights: the connection is good');
like($all, qr/No topic can be seen: there are none, or the Kafka user has no rights/, 'no rights: and shows no topic');
($rc, $out, $err) = $node->psql('postgres', "SELECT dataplat.peek_topic('s', 'orders')");
like($err, qr/does not exist, or the Kafka user may not see it|has no rights on the topic, or the topic does not exist/,
	'no rights: peek_topic cannot tell rights from absence, and says so');
($rc, $out, $err) = $node->psql('postgres', "SELECT dataplat.produce('s', 'orders', 'x')");
like($err, qr/could not produce/, 'no rights: produce is refused');

# What an aborted transaction wrote is not shown; nor is a tombstone lost.
connect_as({ 'bootstrap.servers' => $kafka->bootstrap });
$kafka->produce('orders', 1, k => 'v', k => undef);
is($node->safe_psql('postgres', "SELECT string_agg(coalesce(value, 'NULL'), ' ') FROM dataplat.peek_topic('s', 'orders', 1)"),
	'v NULL', 'a tombstone of another client');

# The canary never sang.
my $log = slurp_file($node->logfile);
unlike($log, qr/canary-word|admin-secret|bob-secret|BEGIN (?:RSA |ENCRYPTED )?PRIVATE KEY/, 'no secret is in the server log');

$node->stop;
done_testing();
