# An external schema registry as a client meets it: what it has, what it does
# wrong, who may reach it, and what of it ends up here.
use strict;
use warnings;
use utf8;

use DataplatCluster;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StubRegistry;
use Test::More;

my $canary = 'canary-71d2e9';
my $dir = PostgreSQL::Test::Utils::tempdir;
append_to_file("$dir/reg", "$canary\n");
chmod 0600, "$dir/reg";

# A proxy that the environment names would see every request.
my $stub = StubRegistry->new;
my $other = StubRegistry->new;
local $ENV{http_proxy} = $other->url;
local $ENV{all_proxy} = $other->url;
my $node = dataplat_node('registry', conf => <<"EOC");
dataplat.secrets_directory = '$dir'
log_statement = 'all'
log_min_error_statement = debug5
EOC
my @shown;

sub query
{
	my ($sql, @role) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', $sql, extra_params => [ '-v', 'VERBOSITY=verbose', @role ]);
	utf8::decode($out);
	utf8::decode($err);
	push @shown, $out, $err;
	return $rc == 0 ? $out : $err;
}

sub server
{
	my ($name, $url, $options, $mapping) = @_;
	query("DROP SERVER IF EXISTS $name CASCADE; CREATE SERVER $name FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url '$url', timeout_ms '1500'"
		  . ($options ? ", $options" : '') . ')' . ($mapping ? "; CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS ($mapping)" : ''));
	return;
}

sub fetch
{
	my ($what, $server) = @_;
	$server //= 'reg';
	return query("SELECT answer, schema_id, schema, problem FROM dataplat_internal.fetch_schema('$server', $what)");
}

my $guid = 'd2490ec7-3a2f-4b3f-9f10-3b8d3d5d5d5d';
my $record = '{"type":"record","name":"R","fields":[{"name":"e","type":"N"}]}';
$stub->schema(1, '"string"', subject => 'a', guid => $guid);
$stub->schema(5, '{"type":"enum","name":"N","symbols":["A"]}', subject => 'b/ü');
$stub->schema(7, $record, subject => 'c', references => [ { name => 'N', subject => 'b/ü', version => 1 } ]);
server('reg', $stub->url);

# What it has.
is(query(q{SELECT string_agg(step || ' ' || ok, ', ') FROM dataplat.test_connection('reg')}),
	'options true, connect true, authenticate true, registry true', 'test_connection passes');
is(fetch('1'), '1|"string"|' =~ s/^/found|/r, 'a schema by its id');
is(fetch("NULL, '$guid'"), 'found||"string"|', 'by its GUID');
is(fetch(q{NULL, by_subject => 'b/ü'}), 'found|5|{"type":"enum","name":"N","symbols":["A"]}|', 'the newest of a subject, whatever its name');
is(fetch('7'), "found|7|$record|", 'a schema that refers to another');
is(fetch('8'), 'unknown|||', 'one that it does not have');
is(fetch(q{NULL, by_subject => 'nobody'}), 'unknown|||', 'a subject that it does not have');
$stub->schema(9, $record, references => [ { name => 'N', subject => 'gone', version => 3 } ]);
like(fetch('9'), qr/^unusable.*lacks a schema that this one refers to/, 'a reference that leads nowhere');
$stub->schema(10, $record, subject => 'loop', references => [ { name => 'N', subject => 'loop', version => 1 } ]);
like(fetch('10'), qr/^unusable.*refers to itself/, 'a schema that refers to itself');

# A URL that is down is passed over; all of them is an outage that says why.
server('two', 'http://127.0.0.1:1,' . $stub->url);
is(fetch('1', 'two'), 'found|1|"string"|', 'the second URL answers when the first does not');
server('none', 'http://127.0.0.1:1,http://no-such-host.invalid:8081');
like(fetch('1', 'none'), qr/^asked.*registry "none" does not answer: http:\/\/no-such-host\.invalid:8081: host "no-such-host\.invalid" has no address/, 'no URL answers');
like(query(q{SELECT string_agg(step || ' ' || ok, ', ') FROM dataplat.test_connection('none')}),
	qr/^options true, connect false, resolve false$/, 'test_connection tries each');

# Other endpoints of HTTP are tried with a GET: an answer is enough, unless it is of trouble or leads elsewhere.
query("CREATE SERVER hook FOREIGN DATA WRAPPER dataplat_http OPTIONS (url '" . $stub->url . "/hook', timeout_ms '1500')");
for my $case ([ 'ok', 't', 404 ], [ 'status', 'f', 503, status => 503 ], [ 'redirect', 'f', 30, to => 'http://127.0.0.1:1/' ])
{
	my ($mode, $ok, $status, @how) = @$case;
	$stub->behave(mode => $mode, @how);
	like(query(q{SELECT string_agg(concat_ws(' ', step, ok, detail), ', ') FROM dataplat.test_connection('hook')}),
		qr/^options t .*, connect t .*, http $ok GET answers with status $status/, "an endpoint of HTTP: $mode");
}
$stub->behave(mode => 'ok');
query("ALTER SERVER hook OPTIONS (SET url 'http://127.0.0.1:1')");
like(query(q{SELECT string_agg(concat_ws(' ', step, ok, detail), ', ') FROM dataplat.test_connection('hook')}), qr/connect f .*Check that the server runs/, 'and one that nobody answers');

# What it does wrong is an outage too, never "there is no such schema".
for my $case (
	[ 'status 503', 'status 503', mode => 'status', status => 503 ],
	[ 'status 429', 'status 429', mode => 'status', status => 429, retry_after => 5 ],
	[ 'status 403', 'access is refused', mode => 'status', status => 403 ],
	[ 'no JSON', 'not JSON', mode => 'garbage' ],
	[ 'JSON that is no schema', 'without a schema', mode => 'wrong' ],
	[ 'the page of a proxy', 'status 404 without a registry', mode => 'html' ],
	[ 'a body of 20 MB', 'larger than 8388608 bytes', mode => 'huge' ],
	[ 'headers of 2 MB', 'larger than 65536 bytes', mode => 'headers' ],
	[ 'silence', 'no complete answer', mode => 'silent' ],
	[ 'an answer without an end', 'no complete answer', mode => 'drip' ],
	[ 'a redirect', 'redirect.*not followed', mode => 'redirect', to => $other->url . '/schemas/ids/1' ])
{
	my ($label, $problem, @how) = @$case;
	$stub->behave(@how);
	like(fetch('1'), qr/^asked.*$problem/, "$label is an outage");
}
$stub->behave(mode => 'silent');
like(query(q{SET statement_timeout = '300ms'; SELECT * FROM dataplat.test_connection('reg')}), qr/57014/, 'waiting can be cancelled');
$stub->behave(mode => 'ok');
is(fetch('1'), 'found|1|"string"|', 'all is well when it is back');
is(scalar($other->requests), 0, 'neither a redirect nor a proxy of the environment is followed');

# Logins; a secret is shown nowhere.
$stub->behave(login => "etl:$canary");
like(fetch('1'), qr/^asked.*the login is refused/, 'without a login');
like(query(q{SELECT detail FROM dataplat.test_connection('reg') WHERE NOT ok}), qr/without a login \(status 401\)/, 'test_connection says so');
server('wrong', $stub->url, undef, qq{username 'etl', password '$canary-x'});
like(fetch('1', 'wrong'), qr/^asked.*the login is refused/, 'with a wrong password');
server('allowed', $stub->url, undef, qq{username 'etl', password '$canary'});
is(fetch('1', 'allowed'), 'found|1|"string"|', 'with the password of the user mapping');
server('file', $stub->url, undef, q{username 'etl', password_ref 'file:reg'});
is(fetch('1', 'file'), 'found|1|"string"|', 'with the password of a file');
like(query(q{SELECT detail FROM dataplat.test_connection('allowed') WHERE step = 'options'}), qr/as etl\. Beware: the login goes over the network in clear/, 'a login without TLS is warned of');
$stub->behave(mode => 'ok');

# TLS: the certificate must be one that is trusted, unless a superuser says so.
SKIP:
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();

	skip 'there is no openssl', 4
	  if system("openssl req -x509 -newkey rsa:2048 -nodes -keyout $dir/key.pem -out $dir/cert.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null") != 0;
	mkdir "$dir/$_" foreach qw(schemas schemas/ids);
	append_to_file("$dir/schemas/ids/1", '{"schema": "\\"string\\""}');
	append_to_file("$dir/subjects", '["a"]');
	my $log = '';
	my $tls = IPC::Run::start([ 'env', '-C', $dir, 'openssl', 's_server', '-quiet', '-WWW', '-accept', "127.0.0.1:$port", '-key', 'key.pem', '-cert', 'cert.pem' ],
		'<', \undef, '>&', \$log);
	server('tls', "https://127.0.0.1:$port");
	wait_until($node, q{SELECT step || ' ' || ok FROM dataplat.test_connection('tls') WHERE step <> 'options'}, 'a certificate that nobody signed is refused', expected => 'tls false');
	my $pem = slurp_file("$dir/cert.pem");
	query("ALTER SERVER tls OPTIONS (ADD ca_pem '$pem')");
	is(fetch('1', 'tls'), 'found|1|"string"|', 'unless it is the one to trust');
	is(query(q{SELECT string_agg(step || ' ' || ok, ', ') FROM dataplat.test_connection('tls') WHERE step = 'tls'}), 'tls true', 'test_connection agrees');
	server('tls', "https://127.0.0.1:$port", q{verify_tls 'false'});
	is(fetch('1', 'tls'), 'found|1|"string"|', 'or nobody is to look');
	$tls->kill_kill;
}

# Who may reach what: the address counts, and the owner of the server.
query('CREATE ROLE engineer LOGIN; GRANT USAGE ON FOREIGN DATA WRAPPER dataplat_registry TO engineer; GRANT USAGE ON SCHEMA dataplat TO engineer');
query(q{CREATE SERVER theirs FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url '} . $stub->url('localhost') . q{')}, '-U', 'engineer');
my $before = $stub->requests;
like(query(q{SELECT detail FROM dataplat.test_connection('theirs') WHERE NOT ok}, '-U', 'engineer'),
	qr/"localhost" \(\S+\) is not allowed: the address is a loopback address.*dataplat\.allowed_hosts/, 'not everybody leads the server to itself');
is(scalar($stub->requests), $before, 'and nothing was sent');
like(query(q{SELECT * FROM dataplat.test_connection('reg')}, '-U', 'engineer'), qr/permission denied for server "reg"/, 'a server needs USAGE');
like(query(q{SELECT * FROM dataplat.import_registry('reg')}, '-U', 'engineer'), qr/42501/, 'importing is not for everybody');

# What was read stays; another content under the same id is noticed.
query(q{SELECT dataplat_internal.cache_schema('reg', '1', 1, NULL, 'AVRO', '"string"', '{}', '{}', false)});
query(q{SELECT dataplat_internal.note_missing_schema('reg', '99')});
is(query(q{SELECT cached_schemas, missing, changed FROM dataplat.registry_status WHERE server = 'reg'}), '1|{99}|{}', 'registry_status counts');
like(query(q{SELECT problem, cause FROM dataplat.health WHERE object = 'registry reg'}), qr/^schemas are missing\|messages name 99/, 'health names what is missing');
$stub->behave(mode => 'silent');
is(fetch('1'), 'found|1|"string"|', 'a cached schema needs no registry');
$stub->behave(mode => 'ok');
$stub->schema(1, '{"type": "string"}');
is(query(q{SELECT * FROM dataplat.refresh_registry_cache('reg')}), '1|same', 'the same schema in other words is the same');
$stub->schema(1, '"long"');
is(query(q{SELECT * FROM dataplat.refresh_registry_cache('reg')}), '1|changed', 'another schema is not');
is(query(q{SELECT severity, problem FROM dataplat.health WHERE object = 'registry reg'}), 'error|schema ids have changed', 'health says so');
like(fetch('1'), qr/^asked.*has another schema for "1" than before/, 'the id has no answer');
$stub->schema(1, '"string"');
is(query(q{SELECT * FROM dataplat.refresh_registry_cache('reg')}), '1|same', 'until the registry is mended');
$stub->schema(1, '"long"');
is(query(q{SELECT * FROM dataplat.refresh_registry_cache('reg', accept_changes => true)}), '1|accepted', 'or the change is accepted');
is(fetch('1'), 'found|1|"long"|', 'which then counts');
is(query(q{SELECT count(*) FROM dataplat.health WHERE object = 'registry reg'}), '0', 'and health is content');
$stub->forget(1);
is(query(q{SELECT * FROM dataplat.refresh_registry_cache('reg')}), '1|gone', 'what the registry forgets is kept here');
like(query(q{SELECT * FROM dataplat.refresh_registry_cache('nobody')}), qr/registry server "nobody" does not exist.*Declared: /s, 'an unknown server is answered with the known ones');

# Moving in: ids, versions, references, deletions, level and mode.
my $source = StubRegistry->new;
$source->schema(20, '{"type":"enum","name":"N","symbols":["A"]}', subject => 'names/ü');
$source->schema(12, $record, subject => 'orders-value', references => [ { name => 'N', subject => 'names/ü', version => 1 } ]);
$source->schema(21, '"int"', subject => 'old', deleted => 1);
$source->schema(22, '"long"', subject => 'old', version => 4);
$source->set(config => 'old', 'FULL');
$source->set(mode => 'old', 'READONLY');
server('src', $source->url);
my $all = join "\n", 'names/ü|1|20|%s|', 'old|1|21|%s|', 'old|4|22|%s|', 'old|||%s|config FULL', 'old|||%s|mode READONLY', 'orders-value|1|12|%s|';
is(query(q{SELECT * FROM dataplat.import_registry('src')}), $all =~ s/%s/taken/gr, 'a registry moves in');
is(query(q{SELECT * FROM dataplat.import_registry('src')}), $all =~ s/%s/same/gr, 'twice is once');
is(query(q{SELECT string_agg(subject || ' ' || version || ' ' || id || ' ' || deleted, ', ' ORDER BY subject, version) FROM dataplat.schema_version}),
	'names/ü 1 20 false, old 1 21 true, old 4 22 false, orders-value 1 12 false', 'with its numbers');
is(query(q{SELECT string_agg(subject || ' ' || mode, ', ') FROM dataplat.registry_mode}), 'old READONLY', 'no import mode is left behind');
is(query(q{SELECT answer, schema_id, schema FROM dataplat_internal.fetch_schema(NULL, 12)}), "found|12|$record", 'and readers of messages find it');
$source->schema(30, '"bytes"', subject => 'orders-value', version => 1);
$source->schema(31, '"double"', subject => 'new');
is(query(q{SELECT * FROM dataplat.import_registry('src', 'n%') UNION ALL SELECT * FROM dataplat.import_registry('src', 'orders%')}),
	"names/ü|1|20|same|\nnew|1|31|taken|\norders-value|1|30|conflict|the version is here with id 12", 'what is new comes, what differs is told');
$source->behave(mode => 'status', status => 500);
like(query(q{SELECT * FROM dataplat.import_registry('src')}), qr/08006: .*registry "src" does not answer.*status 500/s, 'an outage is an error that says why');

# Moving out: in import mode, which is put back.
server('dst', $other->url);
is(query(q{SELECT subject, version, schema_id, result FROM dataplat.export_registry('dst', 'orders%')}), 'orders-value|1|12|taken', 'a subject moves out');
my ($body) = map { $_->[2] } grep { $_->[0] eq 'POST' } $other->bodies;
is_deeply([ @$body{qw(id version schema)} ], [ 12, 1, $record ], 'under its id and version');
is_deeply([ map { s/\?.*//r } grep { m{/mode/} } $other->requests ], [ 'GET /mode/orders-value', 'PUT /mode/orders-value', 'DELETE /mode/orders-value' ],
	'in import mode, which does not stay');

# Nothing that was said or logged has the password in it.
unlike(join("\n", @shown), qr/$canary/, 'no answer shows a password');
unlike(slurp_file($node->logfile), qr/$canary/, 'neither does the log');

$node->stop;
done_testing();
