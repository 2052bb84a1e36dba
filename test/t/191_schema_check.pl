# dataplat-schema-check tells a producer's repository whether its schemas may be
# registered: by the database itself, and by the REST API that it serves.
use strict;
use warnings;

use DataplatCluster;
use File::Path qw(make_path);
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $tool = source_dir() . '/test/tools/dataplat-schema-check';
my $port = do { my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1'); $s->sockport };
my $node = dataplat_node('main', conf => "dataplat.web_listen = '127.0.0.1:$port'\ndataplat.web_auth = 'none'\ndataplat.web_anonymous_role = 'dataplat_viewer'\n");
$node->safe_psql('postgres', 'SELECT dataplat.setup_roles()');
my $dir = $node->basedir . '/schemas';
make_path("$dir/events");

sub file
{
	my ($name, $text) = @_;
	open my $fh, '>', "$dir/$name" or die "$name: $!";
	print $fh $text;
	close $fh;
	return;
}

sub run_tool
{
	my @arguments = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'python3', $tool, @arguments ], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

my $database = 'dbname=postgres host=' . $node->host . ' port=' . $node->port;

file('money.avsc', '{"type":"record","name":"Money","namespace":"shop","fields":[{"name":"amount","type":"long"}]}');
file('order.avsc', '{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"price","type":"Money"}]}');
file('common.proto', qq{syntax = "proto3";\nmessage Common { string s = 1; }\n});
file('events/event.proto', qq{syntax = "proto3";\nimport "common.proto"; // import "nowhere.proto";\nmessage Event { Common c = 1; }\n});
file('form.json', '{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}');
file('events/subjects.json', '{"event.proto": "events-value"}');

# Nothing is registered yet; files refer to each other.
my ($rc, $out, $err) = run_tool('--database', $database, $dir);
is("$rc $err", '0 ', 'an empty registry takes them all');
is(scalar(() = $out =~ /^ok .*new subject/mg), 5, 'five new subjects') or diag($out);
like($out, qr/event\.proto: new subject, subject events-value$/m, 'subjects.json names the subject');

# Registered as they stand there, then changed: one well, one not, one not even a schema.
$node->safe_psql('postgres', sprintf(q{
	SELECT dataplat.register_schema('money', pg_read_file('%1$s/money.avsc'));
	SELECT dataplat.register_schema('order', pg_read_file('%1$s/order.avsc'), refs => '[{"name": "shop.Money", "subject": "money", "version": 1}]');
	SELECT dataplat.register_schema('common', pg_read_file('%1$s/common.proto'), 'PROTOBUF');
	SELECT dataplat.register_schema('form', pg_read_file('%1$s/form.json'), 'JSON')}, $dir));
file('order.avsc', '{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"price","type":"Money"},{"name":"note","type":"string","default":""}]}');
file('form.json', '{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}');
file('broken.avsc', '{"type":"rekord"}');

my %wanted = (
	'money.avsc' => 'registered',
	'order.avsc' => 'compatible',
	'common.proto' => 'registered',
	'events/event.proto' => 'new subject',
	'form.json' => 'incompatible',
	'broken.avsc' => 'invalid');

sub statuses
{
	my ($text) = @_;
	my %got = $text =~ m{^(?:ok|FAIL) +\Q$dir\E/(\S+): ([a-z ]+?)(?: \(|,)}mg;
	return \%got;
}

($rc, $out, $err) = run_tool('--database', $database, $dir);
is("$rc $err", '1 ', 'some may not be registered: exit 1');
is_deeply(statuses($out), \%wanted, 'and which, asked in the database');
like($out, qr/TYPE_CHANGED/, 'the difference has a name');
like($out, qr/^ +\| -.*"integer"\n +\| \+.*"string"/m, 'and can be seen');
like($out, qr/4 of 6 schemas may be registered/, 'the sum');

# The same through HTTP.
for (my $left = 20 * $PostgreSQL::Test::Utils::timeout_default; $left > 0 && !IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port"); $left--)
{
	usleep(50_000);
}
($rc, $out, $err) = run_tool('--registry', "http://127.0.0.1:$port", $dir);
is("$rc $err", '1 ', 'exit 1 over HTTP');
is_deeply(statuses($out), \%wanted, 'the same answers over HTTP') or diag($out);
($rc, $out, $err) = run_tool('--registry', "http://127.0.0.1:$port", '--json', "$dir/money.avsc");
is("$rc $err", '0 ', 'one good file');
like($out, qr/"status": "registered"/, 'as JSON');

# What cannot be answered: exit 2.
is((run_tool('--database', $database, "$dir/nowhere"))[0], 2, 'a directory that is not there');
is((run_tool('--database', 'host=/nowhere', $dir))[0], 2, 'a database that is not there');
is((run_tool('--registry', 'http://127.0.0.1:1', $dir))[0], 2, 'a registry that is not there');
is((run_tool($dir))[0], 2, 'neither of the two');
is($node->safe_psql('postgres', q{SELECT string_agg(s, ' ') FROM dataplat.schema_subjects() AS s}), 'common form money order', 'nothing was registered by asking');

$node->stop;
done_testing();
