# OpenLineage events of other systems come in over HTTP, at the path that their
# clients use by themselves.
use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('lineage_http');
$node->safe_psql('postgres', q{CREATE ROLE etl LOGIN PASSWORD 'x'; CREATE ROLE other LOGIN PASSWORD 'x'; SELECT dataplat.setup_roles();
	GRANT dataplat_viewer TO other; GRANT dataplat_pipeline_admin TO etl});
my $port = web_start($node);
my %event = (
	eventType => 'START', eventTime => '2026-03-01T10:00:00Z', producer => 'https://example.com/etl',
	schemaURL => 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
	run => { runId => '0190f6c0-0000-7000-8000-000000000001' }, job => { namespace => 'etl', name => 'load' },
	inputs => [ { namespace => 's3://lake', name => 'raw' } ], outputs => [ { namespace => 's3://lake', name => 'clean' } ]);

# Status, and the status or message of the answer.
sub post
{
	my ($body, %option) = @_;
	my $r = http($port, 'POST', '/api/v1/lineage', auth => $option{auth} // 'etl:x', headers => { 'Content-Type' => 'application/json' },
		body => ref $body ? JSON::PP->new->canonical->encode($body) : $body);
	return "$r->{status} " . ($r->{json}{status} // $r->{json}{message} // '');
}

is(post(\%event), '201 stored', 'an event is taken in');
is(post(\%event), '201 duplicate', 'a second time, too');
is(post({ %event, eventType => 'COMPLETE', eventTime => '2026-03-01T10:00:05+01:00' }), '201 stored', 'the end of the run, by a clock that is behind');
is($node->safe_psql('postgres', q{SELECT state, job_name FROM dataplat.foreign_run}), 'COMPLETE|load', 'it is in the database');
is($node->safe_psql('postgres', q{SELECT output_node, input_node FROM dataplat_internal.lineage_edge WHERE origin = 'openlineage'}), 's3://lake/clean|s3://lake/raw', 'with its edge');
like(post({ %event, eventTime => '2026-03-01T10:00:00' }), qr/^400 .*with a zone/, 'a time without a zone is refused, and why');
like(post('{"eventTime": '), qr/^400 /, 'so is what is no JSON');
like(post('[]'), qr/^400 /, 'and no object');
like(post(\%event, auth => 'other:x'), qr/^403 /, 'a viewer may not');
like(post(\%event, auth => 'etl:wrong'), qr/^401 /, 'nor a stranger');
is($node->safe_psql('postgres', q{SELECT count(*) FROM dataplat.foreign_run}), '1', 'nothing came of these');

$node->stop;
done_testing();
