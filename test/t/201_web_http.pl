# HTTP as clients really speak it, and as nobody should: keep-alive,
# pipelining, chunks, leave to continue, old versions, broken requests, and
# clients that are slow on purpose.
use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main');
$node->safe_psql('postgres', q{
	CREATE ROLE reader LOGIN PASSWORD 'secret';
	CREATE ROLE anyone NOLOGIN;
	GRANT USAGE ON SCHEMA dataplat TO anyone;
});
my $port = web_start($node, web_anonymous_role => 'anyone');
my $v1 = 'application/vnd.schemaregistry.v1+json';

# ---- the shape of answers
my $r = http($port, 'GET', '/');
is("$r->{status} $r->{body} $r->{headers}{'content-type'} $r->{headers}{vary}", "200 {} $v1 Accept-Encoding", 'GET /');
is(http($port, 'POST', '/', body => '')->{status}, 200, 'POST /');
$r = http($port, 'HEAD', '/healthz');
is("$r->{status} $r->{headers}{'content-length'} '$r->{body}'", "200 15 ''", 'HEAD has the length and no body');
$r = http($port, 'OPTIONS', '/subjects/a/versions');
is("$r->{status} $r->{headers}{allow}", '200 GET, HEAD, POST, OPTIONS', 'OPTIONS lists the methods');
$r = http($port, 'PUT', '/subjects/a/versions', body => {});
is("$r->{status} $r->{json}{error_code} $r->{headers}{allow}", '405 405 GET, HEAD, POST, OPTIONS', 'a wrong method');
foreach my $path ('/nowhere', '/subjects/a', '/subjects/a/b/c/d/e', '/schemas/ids', '//', '/healthz/x')
{
	my $wanted = $path eq '/subjects/a' ? 405 : 404;

	$r = http($port, 'GET', $path);
	is("$r->{status} $r->{json}{error_code}", "$wanted $wanted", "GET $path");
}
is(http($port, 'GET', '/healthz/')->{status}, 200, 'a slash at the end does not matter');
is(http($port, 'GET', "http://127.0.0.1:$port/healthz")->{status}, 200, 'a whole address, as proxies write it');
foreach my $path ('/subjects/%', '/subjects/%4', '/subjects/%zz', '/subjects/%00', '/subjects/%ff', '/subjects?subjectPrefix=%c3%28')
{
	$r = http($port, 'GET', $path);
	is("$r->{status} $r->{json}{error_code}", '400 400', "GET $path");
}

# ---- media types
my %accept = (
	'' => $v1,
	'*/*' => $v1,
	'application/*' => $v1,
	"$v1, application/vnd.schemaregistry+json, application/json" => $v1,
	'application/json' => 'application/json',
	'APPLICATION/JSON; charset=utf-8' => 'application/json',
	'application/vnd.schemaregistry+json' => 'application/vnd.schemaregistry+json',
	"$v1;q=0.5, application/json;q=0.9" => 'application/json',
	"text/html, application/json;q=0.1" => 'application/json',
	"$v1;q=0, */*;q=0.1" => 'application/vnd.schemaregistry+json',
	'text/html' => undef,
	'application/json;q=0' => undef);
foreach my $accept (sort keys %accept)
{
	$r = http($port, 'GET', '/schemas/types', headers => { Accept => $accept });
	is($r->{status} == 406 ? undef : $r->{headers}{'content-type'}, $accept{$accept}, "Accept: $accept");
}
is(http($port, 'GET', '/schemas/types', headers => { Accept => 'text/html' })->{json}{error_code}, 406, 'error code 406');
foreach my $type ('application/octet-stream', 'application/json', 'application/json; charset=utf-8', 'Application/Vnd.SchemaRegistry+JSON')
{
	isnt(http($port, 'POST', '/subjects/a', body => '[]', headers => { 'Content-Type' => $type })->{status}, 415, "Content-Type: $type");
}
foreach my $type ('text/plain', 'application/xml', 'application/x-www-form-urlencoded')
{
	$r = http($port, 'POST', '/subjects/a', body => '{}', headers => { 'Content-Type' => $type });
	is("$r->{status} $r->{json}{error_code}", '415 415', "Content-Type: $type");
}

# ---- bodies that are no request
my @broken = (
	[ '', 422, 'empty' ], [ "  \n", 422, 'blank' ], [ '[]', 400, 'an array' ], [ '{"schema": "x"', 400, 'cut' ], [ 'schema=x', 400, 'no JSON' ],
	[ '{"schema": {"type": "string"}}', 400, 'an object as schema' ], [ '{"schema": "x", "references": {}}', 400, 'references that are no array' ],
	[ '{"schema": "x", "id": "one"}', 400, 'an id that is no number' ], [ '{"schema": "x", "metadata": []}', 400, 'metadata that are no object' ],
	[ "{\"schema\": \"\xff\"}", 400, 'no UTF-8' ], [ '{"schema": "\u0000"}', 400, 'a byte 0 in a string' ], [ "{\"schema\": \"x\"}\0", 400, 'a byte 0 behind' ],
	[ '[' x 100000, 400, 'depth without end' ], [ '{"id": 1e999999}', 400, 'a number without end' ], [ 'true', 400, 'a boolean' ], [ '17', 400, 'a number' ]);
foreach (@broken)
{
	my ($body, $code, $what) = @$_;

	$r = http($port, 'POST', '/subjects/a/versions', body => $body, headers => { 'Content-Length' => length $body });
	is("$r->{status} " . ($r->{json}{error_code} // ''), "$code $code", "a body that is $what");
}

# ---- connections
my $s = http_connect($port);
is(http($port, 'GET', "/healthz", socket => $s)->{status}, 200, "keep-alive, request $_") foreach 1 .. 3;
http_send($s, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" x 20 . "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
is(join(' ', map { http_read($s)->{status} } 1 .. 21), '200 ' x 20 . '404', '21 requests at once are answered in their order');

$s = http_connect($port);
http_send($s, "GET /healthz HTTP/1.0\r\n\r\n");
is(http_read($s)->{status}, 200, 'HTTP/1.0');
ok(http_closed($s), 'ends with the answer');
$s = http_connect($port);
http_send($s, "GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" x 2);
is(join(' ', map { http_read($s)->{status} } 1 .. 2), '200 200', 'unless it asks to stay');

$s = http_connect($port);
http_send($s, "POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
http_send($s, "1\r\n[\r\n");
http_send($s, "5;name=value\r\n1, 2]\r\n0\r\nTrailer: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
is(http_read($s)->{json}{message}, 'the body is no JSON object', 'chunks are put together');
is(http_read($s)->{status}, 200, 'and the next request follows');

$s = http_connect($port);
http_send($s, "POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
is(http_read($s)->{status}, 100, 'leave to continue');
http_send($s, '[]');
is(http_read($s)->{status}, 400, 'and then the answer');
$s = http_connect($port);
http_send($s, "POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\nExpect: 100-continue\r\n\r\n");
is(http_read($s)->{status}, 413, 'no leave for a body that is too large');

# ---- what a browser or a careless proxy could be used for
is(http($port, 'GET', '/', headers => { Origin => 'http://evil.example' })->{status}, 403, 'a page of another site');
is(http($port, 'GET', '/', headers => { Origin => 'null' })->{status}, 403, 'a page of no site');
is(http($port, 'GET', '/', headers => { Origin => "http://127.0.0.1:$port" })->{status}, 200, 'a page of our own');
foreach my $lengths ("Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked")
{
	$s = http_connect($port);
	http_send($s, "POST /subjects/a HTTP/1.1\r\nHost: x\r\n$lengths\r\n\r\n0\r\n\r\n");
	my $answer = http_read($s);
	ok(!defined $answer || $answer->{status} == 400 && $answer->{headers}{connection} eq 'close', 'a body whose length is told twice');
}

# ---- rubbish is answered or hung up on, and the worker stays
my $pid = backend_pid($node, 'dataplat web worker');
$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.web_request_timeout = '300ms'");
$node->reload;
wait_until($node, "SELECT setting = '300' FROM pg_settings WHERE name = 'dataplat.web_request_timeout'");
srand(20250117);
foreach my $bytes ("\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "GET / HTTP/1.1\r\nHost: x\r\n" . "A: b\r\n" x 5000 . "\r\n",
	'GET /' . 'a' x 100000 . " HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: " . 'y' x 100000 . "\r\n\r\n",
	"POST /subjects/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n[]   ", map { join '', map { chr int rand 256 } 1 .. 500 } 1 .. 20)
{
	my $c = http_connect($port);

	http_send($c, $bytes);
	shutdown($c, 1);
	my $answer = eval { http_read($c) };
	my $what = substr($bytes, 0, 40) =~ s/[^ -~]/./gr;
	ok(!defined $answer || $answer->{status} >= 400 || $bytes =~ /^POST \/subj/, "rubbish: $what");
}
is(http($port, 'GET', '/healthz')->{status}, 200, 'it answers as before');
is(backend_pid($node, 'dataplat web worker'), $pid, 'in the same process');

# ---- limits
$node->safe_psql('postgres', "ALTER SYSTEM RESET dataplat.web_request_timeout; ALTER SYSTEM SET dataplat.web_max_body = '100kB'; ALTER SYSTEM SET dataplat.web_max_connections_per_host = 5");
$node->reload;
wait_http(413, 'a body that is larger than the limit', $port, 'POST', '/subjects/a', body => 'x' x 110_000);
$s = http_connect($port);
http_send($s, "POST /subjects/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" . ("2710\r\n" . 'x' x 10000 . "\r\n") x 20 . "0\r\n\r\n");
is(http_read($s)->{status}, 413, 'also in chunks');
is(http($port, 'GET', '/healthz', socket => $s)->{status}, 200, 'and the connection can go on');
$s = http_connect($port);
my $sent = http_send($s, "POST /subjects/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" . ("186a0\r\n" . 'x' x 100000 . "\r\n") x 100);
ok(http_closed($s), 'a body without end is cut off');
undef $s;
my @crowd = map { my $c = http_connect($port); http($port, 'GET', '/healthz', socket => $c); $c } 1 .. 5;
my $sixth = http_connect($port);
http_send($sixth, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
is(http_read($sixth), undef, 'one connection too many of one address is closed');
is(http($port, 'GET', '/healthz', socket => $crowd[0])->{status}, 200, 'the others are not disturbed');
@crowd = ();
wait_http(200, 'and there is room again', $port, 'GET', '/healthz');

# ---- clients that are slow on purpose: a byte now and then does not help
$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.web_request_timeout = '300ms'; ALTER SYSTEM SET dataplat.web_idle_timeout = '500ms'");
$node->reload;
wait_until($node, "SELECT setting = '300' FROM pg_settings WHERE name = 'dataplat.web_request_timeout'");

# Sends its bytes one by one until the server hangs up.
sub drip
{
	my ($bytes) = @_;
	my $c = http_connect($port);
	my $end = time() + $PostgreSQL::Test::Utils::timeout_default;

	foreach my $byte (split //, $bytes)
	{
		return 1 if IO::Select->new($c)->can_read(0.05) && !sysread($c, my $got, 65536);
		return 0 if time() > $end;
		http_send($c, $byte);
	}
	return 0;
}
ok(drip('GET /' . 'a' x 10000), 'a slow request line');
ok(drip("GET / HTTP/1.1\r\nHost: x\r\nX: " . 'a' x 10000), 'slow headers');
ok(drip("POST /subjects/a HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n" . 'a' x 10000), 'a slow body');
$s = http_connect($port);
ok(http_closed($s), 'a client that says nothing');
$s = http_connect($port);
is(http($port, 'GET', '/healthz', socket => $s)->{status}, 200, 'a client that has asked once');
ok(http_closed($s), 'is let go when it idles');
is(backend_pid($node, 'dataplat web worker'), $pid, 'all in the same process');

# ---- a statement that takes too long
$node->safe_psql('postgres', "ALTER SYSTEM RESET dataplat.web_request_timeout; ALTER SYSTEM SET dataplat.web_statement_timeout = '100ms'");
$node->reload;
wait_until($node, "SELECT setting = '100' FROM pg_settings WHERE name = 'dataplat.web_statement_timeout'");
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE dataplat_internal.web_token IN ACCESS EXCLUSIVE MODE');
$r = wait_http(500, 'a request that waits for a lock', $port, 'GET', '/schemas/types', token => 'x');
is($r->{json}{error_code}, 50002, 'ends with error code 50002');
is(http($port, 'GET', '/healthz')->{status}, 200, 'and the next one is answered');
$locker->query_safe('ROLLBACK');
$locker->quit;
is(http($port, 'GET', '/schemas/types', token => 'x')->{status}, 401, 'as this one is, now');

$node->stop;
done_testing();
