# A password outside the database: which files are read, which are not, and
# that the text is never shown.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $canary = 'canary-8c1f';

sub secret_file
{
	my ($name, $text, $mode) = @_;

	append_to_file("$dir/$name", $text);
	chmod $mode // 0640, "$dir/$name" or die "chmod: $!";
	return;
}

secret_file('plain', $canary);
secret_file('newline', "$canary\n");
secret_file('dos', "$canary\r\n");
secret_file('two', "$canary\n\n");
secret_file('world', $canary, 0644);
secret_file('empty', "\n");
secret_file('nul', "$canary\0x");
secret_file('large', 'x' x (16 * 1024 + 1));
symlink 'plain', "$dir/link" or die "symlink: $!";
mkdir "$dir/folder" or die "mkdir: $!";
chmod 0700, "$dir/folder";
system_or_bail('mkfifo', '-m', '0600', "$dir/fifo");

$ENV{DP_TEST_SECRET} = $canary;
my $node = dataplat_node('secrets', conf => "log_min_error_statement = error\n");
$node->safe_psql('postgres', <<'EOQ');
CREATE SERVER shop FOREIGN DATA WRAPPER dataplat_kafka
	OPTIONS ("bootstrap.servers" 'k:9092', "security.protocol" 'sasl_plaintext', "sasl.mechanism" 'PLAIN');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS ("sasl.username" 'shop', password_ref 'file:plain');
EOQ

# Put another reference into the mapping and see what the connection comes to.
sub resolve
{
	my ($ref) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', <<"EOQ");
ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET password_ref '$ref');
SELECT value FROM dataplat_internal.connection_settings('shop', current_user) WHERE name = 'sasl.password';
EOQ
	return $rc == 0 ? $out : $err;
}

like(resolve('file:plain'), qr/secrets_directory is not set.*\n.*ALTER SYSTEM SET/,
	'without a directory the error says what to set');

my ($rc, $out, $err) = $node->psql('postgres', "ALTER SYSTEM SET dataplat.secrets_directory = 'secrets'");
like($err, qr/must be an absolute path/, 'the directory is an absolute path');
$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.secrets_directory = '$dir'");
$node->reload;
wait_until($node, "SELECT current_setting('dataplat.secrets_directory') <> ''", 'the directory is set');

is(resolve("file:$_"), '***', "file $_ is read and not shown") for qw(plain newline dos two link);
is(resolve('env:DP_TEST_SECRET'), '***', 'the environment is read and not shown');
like(resolve('file:missing'), qr/could not read secret "file:missing": No such file/, 'no such file');
unlike(resolve('file:missing'), qr/\Q$dir\E/, 'an error does not show the directory');
like(resolve('file:world'), qr/open to everyone.*\n.*chmod/, 'a file that everyone may read');
like(resolve('file:empty'), qr/it is empty/, 'an empty file');
like(resolve('file:nul'), qr/NUL byte/, 'a file with a NUL byte');
like(resolve('file:large'), qr/too large/, 'a file that is too large');
like(resolve('file:folder'), qr/not a file/, 'a directory');
like(resolve('file:fifo'), qr/not a file/, 'a FIFO does not hold up anyone');
like(resolve('env:DP_TEST_MISSING'), qr/not in the server's environment/, 'no such variable');
like(resolve($_), qr/invalid value for option "password_ref"/, "\"$_\" is refused")
  for qw(file:../plain file:/etc/passwd file:a/b file:a.b env:A=B plain FILE:plain);

# Exactly one line end is taken off: what is left is the password to the byte.
# The redaction shows it: it replaces the value wherever it stands.
$node->safe_psql('postgres', <<"EOQ");
ALTER SERVER shop OPTIONS (ADD "client.id" 'a-$canary-b');
ALTER USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (SET password_ref 'file:dos');
EOQ
is($node->safe_psql('postgres',
		"SELECT value FROM dataplat_internal.connection_settings('shop', current_user) WHERE name = 'client.id'"),
	'a-***-b', 'the line end is no part of the password');
$node->safe_psql('postgres', 'ALTER SERVER shop OPTIONS (DROP "client.id")');

# An ordinary role cannot lend itself a secret of the server, nor see the
# directory.
$node->safe_psql('postgres', <<'EOQ');
CREATE ROLE thief LOGIN;
GRANT USAGE ON FOREIGN DATA WRAPPER dataplat_kafka TO thief;
EOQ
($rc, $out, $err) = $node->psql('postgres', <<'EOQ', extra_params => [ '-U', 'thief' ]);
CREATE SERVER mine FOREIGN DATA WRAPPER dataplat_kafka
	OPTIONS ("bootstrap.servers" 'evil:9092', "security.protocol" 'sasl_plaintext', "sasl.mechanism" 'PLAIN');
CREATE USER MAPPING FOR thief SERVER mine OPTIONS ("sasl.username" 'x', password_ref 'file:plain');
EOQ
like($err, qr/permission denied to set option "password_ref"/, 'a reference needs the right to read files');
($rc, $out, $err) = $node->psql('postgres', 'SHOW dataplat.secrets_directory', extra_params => [ '-U', 'thief' ]);
isnt($rc, 0, 'the directory is not shown to others');

# The password is in no dump, and not in the log.
my $dump = '';
IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres') ], '>', \$dump);
like($dump, qr/password_ref/, 'the reference is dumped');
unlike($dump, qr/\Q$canary\E/, 'the password is not');

$node->stop;
my $log = slurp_file($node->logfile);
$log =~ s/.*a-\Q$canary\E-b.*//g;
unlike($log, qr/\Q$canary\E/, 'the log does not have it');
done_testing();
