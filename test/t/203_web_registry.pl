# Every route of Confluent's registry API, with its status codes, error codes
# and flags, over HTTP.
use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main');
$node->safe_psql('postgres', q{CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'x'});
my $port = web_start($node);
my $json = JSON::PP->new->canonical->allow_nonref;

sub ask
{
	my ($method, $path, $body) = @_;

	return http($port, $method, $path, auth => 'boss:x', defined $body ? (body => $body) : ());
}

# The answer's JSON, or "status error_code".
sub answer
{
	my ($method, $path, $body) = @_;
	my $r = ask($method, $path, $body);

	return $json->encode($r->{json}) if $r->{status} == 200;
	return $r->{status} . (defined $r->{json}{error_code} ? " $r->{json}{error_code}" : '');
}

sub answers
{
	my ($method, $path, $body, $expected, $label) = @_;

	$expected = $json->encode($expected) if ref $expected;
	return is(answer($method, $path, $body), $expected, $label // "$method $path");
}

sub record
{
	return '{"type":"record","name":"r","fields":['
	  . join(',', map { my ($n, $t, $d) = @$_; qq({"name":"$n","type":"$t") . ($d ? qq(,"default":"$d"}) : '}') } @_) . ']}';
}
my $v1 = record([ 'a', 'int' ]);
my $v2 = record([ 'a', 'int' ], [ 'b', 'string', 'x' ]);
my $bad = record([ 'a', 'int' ], [ 'c', 'string' ]);

# ---- nothing there
answers('GET', '/subjects', undef, []);
answers('GET', '/schemas', undef, []);
answers('GET', '/schemas/types', undef, [ 'JSON', 'PROTOBUF', 'AVRO' ]);
answers('GET', '/contexts', undef, ['.']);
answers('GET', '/config', undef, { compatibilityLevel => 'BACKWARD' });
answers('GET', '/mode', undef, { mode => 'READWRITE' });
answers('GET', '/subjects/s/versions', undef, '404 40401');
answers('GET', '/subjects/s/versions/1', undef, '404 40401');
answers('GET', '/subjects/s/versions/1/schema', undef, '404 40401');
answers('GET', '/subjects/s/versions/1/referencedby', undef, '404 40401');
answers('POST', '/subjects/s', { schema => $v1 }, '404 40401');
answers('DELETE', '/subjects/s', undef, '404 40401');
answers('DELETE', '/subjects/s/versions/1', undef, '404 40401');
answers('GET', "/schemas/ids/1$_", undef, '404 40403') foreach '', '/schema', '/subjects', '/versions';
answers('GET', '/schemas/ids/abc', undef, '404 404');
answers('GET', '/schemas/guids/00000000-0000-0000-0000-000000000000', undef, '404 40403');
answers('GET', '/config/s', undef, '404 40408');
answers('GET', '/mode/s', undef, '404 40409');
answers('DELETE', '/config/s', undef, '404 40401');
answers('DELETE', '/mode/s', undef, '404 40401');
answers('POST', '/compatibility/subjects/s/versions/latest', { schema => $v1 }, { is_compatible => JSON::PP::true });
answers('POST', '/compatibility/subjects/s/versions', { schema => $v1 }, { is_compatible => JSON::PP::true });
answers('POST', '/compatibility/subjects/s/versions/1', { schema => $v1 }, '404 40402');
is(http($port, 'GET', "/v1/metadata/$_", auth => 'boss:x')->{status}, 200, "GET /v1/metadata/$_") foreach 'id', 'version';

# ---- register
my $r = ask('POST', '/subjects/s/versions', { schema => $v1, unknown => [ 1, 2 ] });
is("$r->{status} $r->{json}{id} $r->{json}{version} $r->{json}{schemaType} $r->{json}{schema}", "200 1 1 AVRO $v1", 'register; unknown members are ignored');
my $guid = $r->{json}{guid};
like($guid, qr/^[0-9a-f-]{36}$/, 'with a GUID');
is(ask('POST', '/subjects/s/versions', { schema => $v1 })->{json}{version}, 1, 'again: the same version');
is(ask('POST', '/subjects/other/versions', { schema => $v1 })->{json}{id}, 1, 'elsewhere: the same id');
is(ask('POST', '/subjects/s/versions', { schema => $v2 })->{json}{version}, 2, 'the next version');
is(ask('POST', '/subjects/s', { schema => $v2 =~ s/,/ , /gr })->{json}{version}, 2, 'spaces do not matter');
answers('POST', '/subjects/s/versions', { schema => $bad }, '409 40901');
answers('POST', '/subjects/s/versions', $_->[0], $_->[1], 'register ' . $json->encode($_->[0]))
  foreach [ {}, '422 42201' ], [ { schema => '' }, '422 42201' ], [ { schema => '{' }, '422 42201' ], [ { schema => $v1, schemaType => 'THRIFT' }, '422 42201' ],
  [ { schema => 'message' }, '422 42201' ], [ { schema => { type => 'string' } }, '400 400' ], [ { schema => $v1, references => [ { name => 'x', subject => 'none', version => 1 } ] }, '422 42201' ],
  [ '""', '422 42201' ], [ '', '422 422' ], [ '[]', '400 400' ];
answers('POST', '/subjects/s/versions', { schema => $v1, id => 77 }, '422 42205', 'an id is for mode IMPORT');
is(ask('POST', '/subjects/p/versions', { schemaType => 'PROTOBUF', schema => 'syntax = "proto3"; message M { int32 a = 1; }' })->{status}, 200, 'Protobuf');
is(ask('POST', '/subjects/j/versions', { schemaType => 'JSON', schema => '{"type": "object"}' })->{status}, 200, 'JSON Schema');

# ---- look
answers('GET', '/subjects', undef, [ 'j', 'other', 'p', 's' ]);
answers('GET', '/subjects?subjectPrefix=o', undef, ['other']);
answers('GET', '/subjects?offset=1&limit=2', undef, [ 'other', 'p' ]);
answers('GET', "/subjects?limit=$_", undef, [ 'j', 'other', 'p', 's' ]) foreach 0, -1;
answers('GET', '/subjects?limit=many', undef, '404 404');
answers('GET', '/subjects/s/versions', undef, [ 1, 2 ]);
answers('GET', '/subjects/s/versions?offset=1', undef, [2]);
foreach my $version ('2', 'latest', '-1')
{
	$r = ask('GET', "/subjects/s/versions/$version");
	is("$r->{json}{subject} $r->{json}{version} $r->{json}{id} $r->{json}{schemaType} $r->{json}{schema} " . ($r->{json}{ts} > 1.6e12), "s 2 2 AVRO $v2 1", "version $version");
	is(ask('GET', "/subjects/s/versions/$version/schema")->{body}, $v2, 'its text alone');
}
answers('GET', "/subjects/s/versions/$_->[0]", undef, $_->[1]) foreach [ 3, '404 40402' ], [ 0, '422 42202' ], [ -2, '422 42202' ], [ 'x', '422 42202' ], [ 99999999999, '422 42202' ];
$r = ask('POST', '/subjects/s', { schema => $v1 });
is("$r->{json}{subject} $r->{json}{version} $r->{json}{id}", 's 1 1', 'look a schema up');
answers('POST', '/subjects/s', { schema => $bad }, '404 40403');
answers('POST', '/subjects/s', { schema => '{' }, '422 42201');
is(ask('GET', '/schemas/ids/1')->{json}{schema}, $v1, 'by id');
is(ask('GET', '/schemas/ids/1?fetchMaxId=true')->{json}{maxId}, 4, 'with the largest id');
is(ask('GET', '/schemas/ids/1/schema')->{body}, $v1, 'text by id');
answers('GET', '/schemas/ids/1/subjects', undef, [ 'other', 's' ]);
answers('GET', '/schemas/ids/1/versions', undef, [ { subject => 'other', version => 1 }, { subject => 's', version => 1 } ]);
is(ask('GET', "/schemas/guids/$guid")->{json}{schema}, $v1, 'by GUID');
answers('GET', "/schemas/guids/$guid/ids", undef, [ { context => '.', id => 1 } ]);
is(join(' ', map { "$_->{subject}/$_->{version}" } @{ ask('GET', '/schemas')->{json} }), 'j/1 other/1 p/1 s/1 s/2', 'all schemas');
is(join(' ', map { "$_->{subject}/$_->{version}" } @{ ask('GET', '/schemas?latestOnly=true&subjectPrefix=s')->{json} }), 's/2', 'the latest of a prefix');

# ---- compatibility
answers('POST', '/compatibility/subjects/s/versions/latest', { schema => $bad }, { is_compatible => JSON::PP::false });
$r = ask('POST', '/compatibility/subjects/s/versions?verbose=true', { schema => $bad });
ok(!$r->{json}{is_compatible} && $r->{json}{messages}[0] =~ /READER_FIELD_MISSING_DEFAULT_VALUE/, 'with verbose it says why') or diag($r->{body});
answers('POST', '/compatibility/subjects/s/versions/9', { schema => $bad }, '404 40402');
answers('POST', '/compatibility/subjects/s/versions/x', { schema => $bad }, '422 42202');
answers('POST', '/compatibility/subjects/s/versions/1', { schema => '{' }, '422 42201');

# ---- config and mode
answers('PUT', '/config', { compatibility => 'full' }, { compatibility => 'FULL' });
answers('GET', '/config', undef, { compatibilityLevel => 'FULL' });
answers('PUT', '/config', { compatibility => 'sometimes' }, '422 42203');
answers('PUT', '/config/s', { compatibility => 'NONE' }, { compatibility => 'NONE' });
answers('GET', '/config/s', undef, { compatibilityLevel => 'NONE' });
is(ask('GET', '/config/p?defaultToGlobal=true')->{json}{compatibilityLevel}, 'FULL', 'the level of all');
is(ask('POST', '/subjects/s/versions', { schema => $bad })->{json}{version}, 3, 'without a level all goes');
answers('DELETE', '/config/s', undef, { compatibilityLevel => 'NONE' });
is(ask('DELETE', '/config')->{status}, 200, 'DELETE /config');
answers('GET', '/config', undef, { compatibilityLevel => 'BACKWARD' });
answers('PUT', '/mode/s', { mode => 'readonly' }, { mode => 'READONLY' });
answers('POST', '/subjects/s/versions', { schema => $v2 =~ s/"b"/"z"/r }, '422 42205');
answers('DELETE', '/subjects/s/versions/1', undef, '422 42205');
answers('DELETE', '/mode/s', undef, { mode => 'READONLY' });
answers('PUT', '/mode/s', { mode => 'sometimes' }, '422 42204');
answers('PUT', '/mode/s', { mode => 'IMPORT' }, '422 42205');
answers('PUT', '/mode/s?force=true', { mode => 'IMPORT' }, { mode => 'IMPORT' });
$r = ask('POST', '/subjects/s/versions', { schema => '"string"', id => 50, version => 9 });
is("$r->{json}{id} $r->{json}{version}", '50 9', 'mode IMPORT takes id and version');
answers('POST', '/subjects/s/versions', { schema => '"bytes"', id => 50, version => 10 }, '422 42207');
answers('DELETE', '/mode/s', undef, { mode => 'IMPORT' });
answers('GET', '/mode/s?defaultToGlobal=true', undef, { mode => 'READWRITE' });
answers('PUT', '/mode/:.north:', { mode => 'READONLY' }, { mode => 'READONLY' });
answers('DELETE', '/mode/:.north:?recursive=true', undef, { mode => 'READONLY' });
answers('DELETE', '/mode/:.north:?recursive=true', undef, { mode => undef });

# ---- references and metadata
is(ask('POST', '/subjects/car/versions', { schema => '{"type":"record","name":"Car","fields":[{"name":"r","type":"r"}]}',
		references => [ { name => 'r', subject => 's', version => 1 } ], metadata => { properties => { owner => 'ann' } } })->{json}{references}[0]{subject}, 's', 'references');
my $car = ask('GET', '/subjects/car/versions/1')->{json}{id};
answers('GET', '/subjects/s/versions/1/referencedby', undef, [$car]);
answers('DELETE', '/subjects/s/versions/1', undef, '422 42206');
is(ask('GET', '/subjects/car/metadata?key=owner&value=ann')->{json}{version}, 1, 'by metadata');
answers('GET', '/subjects/car/metadata?key=owner&value=bob', undef, '404 40402');

# ---- forms of a schema, and one that is sent with its references written out
my $whole = ask('GET', "/schemas/ids/$car/schema?format=resolved")->{body};
is($whole, '{"type":"record","name":"Car","fields":[{"name":"r","type":' . $v1 . '}]}', 'format=resolved');
$r = ask('GET', "/schemas/ids/$car?format=resolved");
is("$r->{json}{subject} $r->{json}{version} $r->{json}{schema} $r->{json}{references}[0]{name}", "car 1 $whole r", 'by id, which tells subject and version');
like(ask('GET', "/subjects/car/versions/1$_?format=resolved")->{body}, qr/fields.*fields/, "of version 1$_") foreach '', '/schema';
is(ask('POST', '/subjects/car?format=resolved', { schema => $whole })->{json}{schema}, $whole, 'looked up as it is written out');
is(ask('POST', '/subjects/car/versions', { schema => $whole, metadata => { properties => { owner => 'ann' } } })->{json}{id}, $car, 'and registered: the same id');
answers('GET', '/subjects/car/versions', undef, [1]);
answers('POST', '/subjects/car', { schema => $whole =~ s/int/long/r }, '404 40403');
is(ask('GET', '/subjects/car/versions/1?referenceFormat=qualified')->{json}{references}[0]{subject}, 's', 'subjects of the default context need no more');
is(ask('GET', "/subjects/p/versions/1/schema?format=$_->[0]")->{body}, $_->[1], "Protobuf, format=$_->[0]")
  foreach [ 'serialized', 'CgdkZWZhdWx0IhEKAU0SDAoBYRgBIAEoBVIBYWIGcHJvdG8z' ], [ 'ignore_extensions', "syntax = \"proto3\";\n\nmessage M {\n  int32 a = 1;\n}\n" ], [ 'resolved', ask('GET', '/subjects/p/versions/1/schema')->{body} ];

# ---- deletes
answers('DELETE', '/subjects/s/versions/2?permanent=true', undef, '404 40407');
answers('DELETE', '/subjects/s/versions/2', undef, 2);
answers('DELETE', '/subjects/s/versions/2', undef, '404 40406');
answers('GET', '/subjects/s/versions', undef, [ 1, 3, 9 ]);
answers('GET', '/subjects/s/versions?deleted=true', undef, [ 1, 2, 3, 9 ]);
answers('GET', '/subjects/s/versions?deletedOnly=true', undef, [2]);
answers('GET', '/subjects/s/versions/2', undef, '404 40402');
is(ask('GET', '/subjects/s/versions/2?deleted=true')->{json}{id}, 2, 'a deleted version, when asked for');
answers('DELETE', '/subjects/s/versions/2?permanent=true', undef, 2);
answers('DELETE', '/subjects/car?permanent=true', undef, '404 40405');
answers('DELETE', '/subjects/car', undef, [1]);
answers('DELETE', '/subjects/car', undef, '404 40404');
answers('GET', '/subjects?deletedOnly=true', undef, ['car']);
answers('DELETE', '/subjects/car?permanent=true', undef, [1]);

# ---- names and contexts
foreach my $name ('a%2Fb', '%C3%A4%20%E6%97%A5', 'a+b', '%3A.east%3Aeast')
{
	is(ask('POST', "/subjects/$name/versions", { schema => $v1 })->{status}, 200, "register under $name");
	my $plain = $name =~ s/%([0-9A-F]{2})/chr hex $1/ger;

	utf8::decode($plain);
	ok(ask('GET', "/subjects/$name/versions/latest")->{json}{subject} eq $plain, 'and read it');
}
answers('POST', "/subjects/$_/versions", { schema => $v1 }, '422 42208', "no subject: $_") foreach '%01', '__GLOBAL', '__EMPTY';
answers('GET', '/contexts', undef, [ '.', '.east' ]);
foreach my $context (':.west:', '.west', 'west')
{
	is(ask('POST', "/contexts/$context/subjects/s/versions", { schema => $v1 })->{status}, 200, "register through /contexts/$context");
}
answers('GET', '/contexts/.west/subjects', undef, [':.west:s']);
answers('GET', '/contexts/.west/subjects/s/versions', undef, [1]);
is(ask('GET', '/contexts/.west/schemas/ids/1')->{json}{schema}, $v1, 'ids count for each context');
answers('PUT', '/contexts/.west/config', { compatibility => 'NONE' }, { compatibility => 'NONE' });
answers('GET', '/config/:.west:', undef, { compatibilityLevel => 'NONE' });
answers('POST', '/contexts/.west/compatibility/subjects/s/versions/1', { schema => $v1 }, { is_compatible => JSON::PP::true });
answers('DELETE', '/contexts/.west', undef, '422 42211');
answers('DELETE', '/contexts/.nowhere', undef, '404 40401');

# ---- what Confluent has beside its registry is not there, and says so as paths do that nobody knows
answers($_->[0], $_->[1], $_->[2], '404 404')
  foreach [ 'GET', '/exporters' ], [ 'POST', '/exporters', { name => 'x' } ], [ 'GET', '/exporters/x/status' ], [ 'GET', '/dek-registry/v1/keks' ], [ 'GET', '/catalog/v1/types/tagdefs' ],
  [ 'GET', '/associations/resources/-/orders?resourceType=topic&associationType=value' ];

# ---- ids and versions have 32 bits
answers('PUT', '/mode/moved', { mode => 'IMPORT' }, { mode => 'IMPORT' });
is(ask('POST', '/subjects/moved/versions', { schema => '"bytes"', id => 1_999_999_999, version => 2_000_000_000 })->{status}, 200, 'an import with a large id');
is(ask('GET', '/schemas/ids/1999999999')->{json}{schema}, '"bytes"', 'is found by it');
answers('GET', '/schemas/ids/1999999999/versions', undef, [ { subject => 'moved', version => 2_000_000_000 } ]);
answers('GET', '/subjects?subjectPrefix=moved&limit=2147483647', undef, ['moved']);
answers('GET', "/schemas/ids/$_", undef, '404 404') foreach '2147483648', '99999999999999999999', '1x', '-';
answers('PUT', '/config/moved', { compatibility => 'none', unknown => 1 }, { compatibility => 'NONE' }, 'members that nobody knows are ignored');

# ---- a large one, and many at a time on one connection
my $big = record(map { [ "field_$_", 'string', 'x' x 60 ] } 1 .. 5000);
cmp_ok(length $big, '>', 500_000, 'a schema of half a megabyte');
$r = ask('POST', '/subjects/big/versions', { schema => $big });
is($r->{status}, 200, 'is registered');
ok(ask('GET', "/schemas/ids/$r->{json}{id}/schema")->{body} eq $big, 'and read');

# ---- nobody else's rights
my ($rc, $out, $err) = $node->psql('postgres', q{CREATE ROLE reader LOGIN PASSWORD 'x'; GRANT EXECUTE ON FUNCTION dataplat.schema_by_id TO reader});
is(http($port, 'GET', '/schemas/ids/1', auth => 'reader:x')->{status}, 200, 'a reader reads');
foreach ([ 'POST', '/subjects/s/versions', { schema => $v1 } ], [ 'DELETE', '/subjects/s' ], [ 'PUT', '/config', { compatibility => 'NONE' } ], [ 'PUT', '/mode', { mode => 'READONLY' } ], [ 'GET', '/subjects' ])
{
	my ($method, $path, $body) = @$_;

	$r = http($port, $method, $path, auth => 'reader:x', $body ? (body => $body) : ());
	is("$r->{status} $r->{json}{error_code}", '403 40301', "and nothing else: $method $path");
}
unlike(slurp_file($node->logfile), qr/HTTP request failed/, 'no request failed inside');
$node->stop;
done_testing();
