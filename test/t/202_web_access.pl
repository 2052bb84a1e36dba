# Who may ask the HTTP worker, as whom, and through what: passwords, tokens,
# the anonymous role, guessing, TLS and addresses beyond loopback.
use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main');
$node->safe_psql('postgres', q{
	SET password_encryption = 'scram-sha-256';
	CREATE ROLE scram LOGIN PASSWORD 'slow: but $afe';
	CREATE ROLE umlaut LOGIN PASSWORD 'pässwörd';
	CREATE ROLE late LOGIN PASSWORD 'secret' VALID UNTIL '2001-01-01';
	CREATE ROLE nologin NOLOGIN PASSWORD 'secret';
	CREATE ROLE nopassword LOGIN;
	CREATE ROLE norights LOGIN PASSWORD 'secret';
	CREATE ROLE outsider LOGIN PASSWORD 'secret';
	SET password_encryption = 'md5';
	CREATE ROLE md5 LOGIN PASSWORD 'secret';
	CREATE ROLE lister NOLOGIN;
	GRANT EXECUTE ON FUNCTION dataplat.schema_subjects TO lister;
	GRANT USAGE ON SCHEMA dataplat TO lister, norights;
	GRANT lister TO scram, umlaut, md5, late, nologin, nopassword, outsider;
	REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
	GRANT CONNECT ON DATABASE postgres TO lister, norights;
	REVOKE lister FROM outsider;
});
my $port = web_start($node);

sub status
{
	my ($port, %option) = @_;

	return http($port, 'GET', '/subjects', %option)->{status};
}

# ---- passwords
is(status($port, auth => 'scram:slow: but $afe'), 200, "SCRAM, and a password with a colon, time $_") foreach 1 .. 2;
is(status($port, auth => "umlaut:p\xc3\xa4ssw\xc3\xb6rd"), 200, 'a password beyond ASCII');
is(status($port, auth => 'md5:secret'), 200, 'MD5');
my $r = http($port, 'GET', '/subjects');
is("$r->{status} $r->{json}{error_code} $r->{headers}{'www-authenticate'}",
	'401 401 Basic realm="dataplat", charset="UTF-8", Bearer realm="dataplat"', 'nobody is asked to log in');
foreach my $wrong ('scram:wrong', 'scram:', 'SCRAM:slow: but $afe', 'late:secret', 'nologin:secret', 'nopassword:', 'nopassword:x', 'nobody:x', ':x', "scram:slow\0", "\xff:x", 'x' x 100 . ':x')
{
	is(status($port, auth => $wrong), 401, 'wrong: ' . $wrong =~ s/[^ -~]/./gr);
}
is(status($port, headers => { Authorization => $_ }), 401, "credentials $_")
  foreach 'Basic', 'Basic !!!', 'Basic ' . 'A' x 5000, 'Digest username="scram"', 'Bearer', 'Bearer x';
$r = http($port, 'GET', '/subjects', auth => 'norights:secret');
is("$r->{status} $r->{json}{error_code} $r->{json}{message}", '403 40301 permission denied for function schema_subjects', 'without the right');
$r = http($port, 'GET', '/subjects', auth => 'outsider:secret');
is("$r->{status} $r->{json}{error_code}", '403 40301', 'without CONNECT on the database');

# What is remembered of a password follows the role at once.
$node->safe_psql('postgres', q{SET password_encryption = 'scram-sha-256'; ALTER ROLE md5 PASSWORD 'new'});
is(status($port, auth => 'md5:secret'), 401, 'the old password');
is(status($port, auth => 'md5:new'), 200, 'the new one');
$node->safe_psql('postgres', q{ALTER ROLE md5 VALID UNTIL '2001-01-01'});
is(status($port, auth => 'md5:new'), 401, 'no longer valid');
$node->safe_psql('postgres', q{ALTER ROLE md5 VALID UNTIL 'infinity' NOLOGIN});
is(status($port, auth => 'md5:new'), 401, 'no longer a login');
$node->safe_psql('postgres', q{REVOKE lister FROM md5; DROP ROLE md5});
is(status($port, auth => 'md5:new'), 401, 'no longer there');

# ---- guessing
$node->safe_psql('postgres', 'ALTER SYSTEM SET dataplat.web_max_login_failures = 3');
$node->reload;
$r = wait_http(429, 'too many failures make an address wait', $port, 'GET', '/subjects', auth => 'scram:guess');
like($r->{headers}{'retry-after'}, qr/^([1-9]|[1-5][0-9]|6[01])$/, 'and tell how long');
is(status($port, auth => "umlaut:p\xc3\xa4ssw\xc3\xb6rd"), 200, 'a password that was right before is not held up');
is(http($port, 'GET', '/healthz')->{status}, 200, 'nor is what asks nobody');
is(status($port, token => 'guess'), 429, 'tokens count as well');
$node->safe_psql('postgres', 'ALTER SYSTEM SET dataplat.web_max_login_failures = 1000');
$node->reload;
wait_http(401, 'a higher limit counts at once', $port, 'GET', '/subjects', auth => 'scram:guess');

# ---- tokens
my $token = $node->safe_psql('postgres', "SELECT dataplat.create_web_token('ci', 'lister')");
like($token, qr/^dpt_[0-9a-f]{64}$/, 'a token');
is(status($port, token => $token), 200, 'acts as a role that cannot log in');
is(status($port, token => $token . 'x'), 401, 'but not with a letter more');
is($node->safe_psql('postgres', "SELECT count(*) FROM dataplat_internal.web_token AS t WHERE t::text LIKE '%' || substr('$token', 5) || '%'"), '0', 'it is stored nowhere');
is($node->safe_psql('postgres', "SELECT name, role, created_by, expires_at BETWEEN now() + interval '89 days' AND now() + interval '91 days' FROM dataplat.web_token"),
	'ci|lister|postgres|t', 'but its use is seen');
my $short = $node->safe_psql('postgres', "SELECT dataplat.create_web_token('short', 'lister', '1 hour')");
is(status($port, token => $short), 200, 'a token for an hour');
$node->safe_psql('postgres', "UPDATE dataplat_internal.web_token SET expires_at = now() WHERE name = 'short'");
is(status($port, token => $short), 401, 'which is over');
$node->safe_psql('postgres', "SELECT dataplat.revoke_web_token('ci')");
is(status($port, token => $token), 401, 'a revoked token');
my $orphan = $node->safe_psql('postgres', "CREATE ROLE temp; GRANT lister TO temp; SELECT dataplat.create_web_token('orphan', 'temp', NULL)");
is(status($port, token => $orphan), 200, 'a token without end');
$node->safe_psql('postgres', 'DROP ROLE temp');
is(status($port, token => $orphan), 401, 'ends with its role');
is($node->safe_psql('postgres', "SELECT problem FROM dataplat.health WHERE object = 'token orphan'"), 'role is missing', 'and health tells');

# Who may make them.
my ($rc, $out, $err) = $node->psql('postgres', "SET ROLE scram; SELECT dataplat.create_web_token('mine')");
like($err, qr/permission denied for function create_web_token/, 'not everybody makes tokens');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION dataplat.create_web_token, dataplat.revoke_web_token, dataplat.command TO scram');
($rc, $out, $err) = $node->psql('postgres', "SET ROLE scram; SELECT dataplat.create_web_token('mine', 'postgres')");
like($err, qr/must be a member of role "postgres"/, 'nor for roles that one cannot become');
($rc, $out, $err) = $node->psql('postgres', "SET ROLE scram; SELECT dataplat.revoke_web_token('orphan')");
like($err, qr/must be a member of role "temp"/, 'nor revokes those of others');
is(status($port, token => $node->safe_psql('postgres', "SET ROLE scram; SELECT dataplat.create_web_token('mine', 'lister')")), 200, 'but for a role of one\'s own');
$node->safe_psql('postgres', "SET ROLE scram; SELECT dataplat.revoke_web_token('mine')");
foreach (["''", qr/needs a name/], ["'a', 'nobody'", qr/role "nobody" does not exist/], ["'orphan'", qr/already exists/], ["'a', NULL, '-1 day'", qr/valid for some time/])
{
	($rc, $out, $err) = $node->psql('postgres', "SELECT dataplat.create_web_token($_->[0])");
	like($err, $_->[1], "create_web_token($_->[0])");
}

# ---- methods and the anonymous role
sub configure
{
	my (%settings) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.$_ = '$settings{$_}'") foreach sort keys %settings;
	$node->reload;
	return;
}
configure(web_auth => 'token');
wait_http(401, 'passwords can be switched off', $port, 'GET', '/subjects', auth => 'scram:slow: but $afe');
configure(web_auth => 'none');
wait_http(401, 'none, and no anonymous role: nobody', $port, 'GET', '/subjects', auth => "umlaut:p\xc3\xa4ssw\xc3\xb6rd");
configure(web_anonymous_role => 'lister');
wait_http(200, 'with an anonymous role everybody', $port, 'GET', '/subjects');
is(status($port, auth => 'x:y'), 200, 'whatever they say');
configure(web_auth => 'basic, token');
wait_http(401, 'where credentials count, wrong ones are not anonymous', $port, 'GET', '/subjects', auth => 'x:y');
is(status($port), 200, 'none are');
configure(web_anonymous_role => 'postgres');
wait_http(401, 'a superuser is never anonymous', $port, 'GET', '/subjects');
wait_until($node, q{SELECT cause ~ 'role "postgres" of dataplat.web_anonymous_role is a superuser' FROM dataplat.health WHERE object LIKE 'web%'}, 'health says so');
configure(web_anonymous_role => 'gone');
wait_until($node, q{SELECT cause ~ 'role "gone" of dataplat.web_anonymous_role does not exist' FROM dataplat.health WHERE object LIKE 'web%'}, 'also of a role that is not there');
configure(web_anonymous_role => '');

# ---- beyond loopback only with TLS
my $outside = web_port();
configure(web_listen => "127.0.0.1:$port, 0.0.0.0:$outside");
wait_until($node, qq{SELECT cause ~ '0.0.0.0:$outside is not loopback and needs TLS' FROM dataplat.health WHERE object LIKE 'web%'}, 'an address beyond loopback needs TLS');
is(IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $outside), undef, 'it is not open');
configure(web_require_tls => 'off');
web_wait($outside);
wait_http(200, 'unless told', $outside, 'GET', '/healthz');
configure(web_require_tls => 'on');
wait_until($node, qq{SELECT count(*) > 0 FROM dataplat.health WHERE object LIKE 'web%'}, 'told again, it closes');
is(IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $outside), undef, 'really');

# A certificate of one's own making.
my $dir = $node->basedir;
sub certificate
{
	my ($name, $cn) = @_;
	my $noise;

	IPC::Run::run([ 'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', "/CN=$cn",
			'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$dir/$name.key", '-out', "$dir/$name.crt" ], '>&', \$noise)
	  or die "openssl: $noise";
	chmod 0600, "$dir/$name.key";
	return;
}

# A request through TLS; returns the answer and the certificate's subject.
sub https
{
	my ($ca, @options) = @_;
	my $in = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'openssl', 's_client', '-connect', "127.0.0.1:$outside", '-CAfile', "$dir/$ca.crt", '-verify_return_error', '-ign_eof', @options ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	return $out . $err;
}
certificate('one', 'first');
certificate('two', 'second');
configure(web_tls_cert_file => "$dir/one.crt");
wait_until($node, q{SELECT cause ~ 'web_tls_cert_file needs dataplat.web_tls_key_file' FROM dataplat.health WHERE object LIKE 'web%'}, 'a certificate needs its key');
chmod 0644, "$dir/one.key";
configure(web_tls_key_file => "$dir/one.key");
wait_until($node, q{SELECT cause ~ 'one.key" can be read by others' FROM dataplat.health WHERE object LIKE 'web%'}, 'a key that others can read is refused');
chmod 0600, "$dir/one.key";
configure(web_tls_key_file => "$dir/two.key");
wait_until($node, q{SELECT cause ~ 'do not fit together' FROM dataplat.health WHERE object LIKE 'web%'}, 'a key of another certificate');
configure(web_tls_key_file => "$dir/one.key");
wait_until($node, q{SELECT count(*) = 0 FROM dataplat.health WHERE object LIKE 'web%'}, 'all is well');
like(https('one'), qr/CN ?= ?first.*TLSv1\.3.*HTTP\/1\.1 200 OK.*"status":"ok"/s, 'it speaks TLS 1.3');
like(https('one', '-tls1_2'), qr/TLSv1\.2.*HTTP\/1\.1 200 OK/s, 'and 1.2');
unlike(https('one', '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'), qr/HTTP\/1\.1 200/, 'and not 1.1');
unlike(https('two'), qr/HTTP\/1\.1 200/, 'a client that trusts another certificate leaves');
is(eval { http($port, 'GET', '/healthz')->{status} } // 0, 0, 'loopback speaks TLS, too');

# A new certificate in the old files: read again at a reload, nothing is refused.
rename("$dir/two.crt", "$dir/one.crt") && rename("$dir/two.key", "$dir/one.key") or die $!;
$node->reload;
my $end = time() + $PostgreSQL::Test::Utils::timeout_default;
my $answer = '';
$answer = https('one') until $answer =~ /CN ?= ?second.*HTTP\/1\.1 200 OK/s || time() > $end;
like($answer, qr/CN ?= ?second.*HTTP\/1\.1 200 OK/s, 'a renewed certificate is taken over');

# One that is broken: the old one stays.
append_to_file("$dir/one.crt.new", "no certificate\n");
rename("$dir/one.crt", "$dir/kept.crt") && rename("$dir/one.crt.new", "$dir/one.crt") or die $!;
$node->reload;
wait_until($node, q{SELECT cause ~ 'could not start TLS' AND action ~ 'still listens at' FROM dataplat.health WHERE object LIKE 'web%'}, 'a broken certificate is named');
like(https('kept'), qr/CN ?= ?second.*HTTP\/1\.1 200 OK/s, 'and the one before goes on');

# ---- nothing secret in the log
$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/\Q$_\E/, 'the log does not have ' . substr($_, 0, 6)) foreach $token, $short, $orphan, 'slow: but', 'BEGIN EC', 'BEGIN PRIVATE';
done_testing();
