# Lineage over HTTP, as clients of Marquez ask for it: paths, parameters, the
# shape of the answers, who may ask.
use strict;
use warnings;

use DataplatCluster;
use DataplatWeb;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main');
$node->safe_psql('postgres', q{
	ALTER DATABASE postgres SET dataplat.lineage_namespace = 'postgres://db.example:5432';
	CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'x';
	CREATE ROLE norights LOGIN PASSWORD 'x';
	GRANT USAGE ON SCHEMA dataplat TO norights;
	CREATE SCHEMA silver;
	CREATE TABLE silver.orders (id bigint PRIMARY KEY, status text, amount numeric);
	COMMENT ON COLUMN silver.orders.amount IS 'in euro';
	CREATE VIEW silver.paid AS SELECT id, amount AS paid FROM silver.orders WHERE status = 'paid';
	SELECT dataplat.create_pipeline('revenue', target => 'silver.revenue', schedule => 'manual', query => 'SELECT sum(paid) AS total FROM silver.paid');
	SELECT dataplat.add_exposure('board', 'me', 'dashboard', '{silver.revenue}');
});
my $port = web_start($node);
my $ns = 'postgres://db.example:5432';

sub get
{
	my ($path, %option) = @_;
	return http($port, 'GET', $path, auth => 'boss:x', %option);
}

# ---- datasets and jobs
my $r = get("/api/v1/lineage?nodeId=dataset:$ns:postgres.silver.orders");
is($r->{status}, 200, 'lineage of a dataset by its name in OpenLineage');
my %found = map { $_->{id} => $_ } @{ $r->{json}{graph} };
is(join(' ', sort keys %found), join(' ', sort("dataset:$ns:postgres.silver.orders", "dataset:$ns:postgres.silver.paid", "dataset:$ns:postgres.silver.revenue",
			"job:$ns:postgres.view.silver.paid", "job:$ns:postgres.pipeline.revenue", "job:$ns:postgres.exposure.board")), 'all that hangs on it');
my $orders = $found{"dataset:$ns:postgres.silver.orders"};
is("$orders->{type} $orders->{data}{type} $orders->{data}{id}{namespace} $orders->{data}{name}", "DATASET DB_TABLE $ns postgres.silver.orders", 'a dataset');
is(join(' ', map { "$_->{name}:$_->{type}" } @{ $orders->{data}{fields} }), 'id:bigint status:text amount:numeric', 'with its fields');
is($orders->{data}{fields}[2]{description}, 'in euro', 'and what they mean');
is(scalar @{ $orders->{inEdges} }, 0, 'nothing feeds it');
is($orders->{outEdges}[0]{destination}, "job:$ns:postgres.view.silver.paid", 'it feeds a view');
my $job = $found{"job:$ns:postgres.pipeline.revenue"};
is("$job->{type} $job->{data}{type} $job->{data}{simpleName} $job->{data}{inputs}[0]{name} $job->{data}{outputs}[0]{name}",
	'JOB BATCH revenue postgres.silver.paid postgres.silver.revenue', 'a job');
foreach my $n (values %found)
{
	is(scalar(grep { !$found{ $_->{origin} } || !$found{ $_->{destination} } } @{ $n->{inEdges} }, @{ $n->{outEdges} }), 0, "edges of $n->{id} lead to nodes");
}
is(scalar @{ get("/api/v1/lineage?nodeId=job:$ns:postgres.pipeline.revenue")->{json}{graph} }, 6, 'the same from a job');
is(scalar @{ get('/api/v1/lineage?nodeId=dataset:silver.orders&depth=1')->{json}{graph} }, 3, 'one step, and a name as in SQL');

# ---- columns
$r = get("/api/v1/column-lineage?nodeId=datasetField:$ns:postgres.silver.revenue:total");
%found = map { $_->{id} => $_ } @{ $r->{json}{graph} };
my $total = $found{"datasetField:$ns:postgres.silver.revenue:total"};
is("$total->{type} $total->{data}{field} $total->{data}{fieldType} $total->{data}{transformationType}", 'DATASET_FIELD total numeric AGGREGATION', 'a column');
is("$total->{data}{inputFields}[0]{dataset} $total->{data}{inputFields}[0]{field}", 'postgres.silver.paid paid', 'and what it is made of');
ok($found{"datasetField:$ns:postgres.silver.orders:amount"}, 'up to the table');
$r = get("/api/v1/column-lineage?nodeId=dataset:$ns:postgres.silver.paid&withDownstream=true");
ok((grep { $_->{id} =~ /revenue:total$/ } @{ $r->{json}{graph} }), 'downwards when asked');
$r = get("/api/v1/column-lineage?nodeId=dataset:$ns:postgres.silver.paid");
ok(!(grep { $_->{id} =~ /revenue:total$/ } @{ $r->{json}{graph} }), 'else not');

# ---- names, and events
$r = get('/api/v1/search?q=Revenue');
is(join(' ', map { "$_->{type}:$_->{nodeId}" } @{ $r->{json}{results} }), "JOB:job:$ns:postgres.pipeline.revenue DATASET:dataset:$ns:postgres.silver.revenue", 'search by a part of the name');
is($r->{json}{totalCount}, 2, 'counted');
is(get('/api/v1/search?q=revenue&filter=JOB')->{json}{totalCount}, 1, 'jobs only');
is(get('/api/v1/search?q=r&limit=1')->{json}{totalCount}, 1, 'so many only');
is(get('/api/v1/search?q=100%25_')->{json}{totalCount}, 0, 'nothing has a meaning of its own');
is(get('/api/v1/search')->{status}, 400, 'no q');
is(get('/api/v1/search?q=r&limit=x')->{status}, 400, 'limit is no number');
$node->safe_psql('postgres', q{SELECT dataplat.run_pipeline('revenue')});
$r = get('/api/v1/events/lineage?limit=10');
is(join(' ', map { "$_->{eventType}:$_->{job}{name}" } @{ $r->{json}{events} }), 'COMPLETE:postgres.pipeline.revenue START:postgres.pipeline.revenue', 'events, the newest first');
is(get('/api/v1/events/lineage?limit=1')->{json}{totalCount}, 1, 'so many');

# ---- runs, each with the runs that made what it read
$node->safe_psql('postgres', $_) foreach
  q{SELECT dataplat.create_pipeline('double', target => 'silver.double', schedule => 'manual', mode => 'full', query => 'SELECT 2 * total AS total FROM silver.revenue')},
  q{SELECT dataplat.run_pipeline('double')},
  q{INSERT INTO silver.orders VALUES (1, 'paid', 5)},
  q{SELECT dataplat.run_pipeline('revenue')},
  q{SELECT dataplat.ingest_openlineage('{"eventType": "COMPLETE", "eventTime": "2099-03-01T10:00:00Z", "producer": "https://example.com/etl",
	"schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent", "run": {"runId": "01900000-0000-7000-8000-000000000001"},
	"job": {"namespace": "etl", "name": "mail"}, "inputs": [{"namespace": "postgres://db.example:5432", "name": "postgres.silver.double"}], "outputs": []}')};
my %run = map { split /\|/ } split /\n/, $node->safe_psql('postgres', q{
	SELECT pipeline || row_number() OVER (PARTITION BY pipeline ORDER BY run_id), dataplat.openlineage_event(run_id) #>> '{run,runId}' FROM dataplat.pipeline_run});
sub runs
{
	my ($question) = @_;
	return join(' ', map { my $one = $_; "$one->{job}{name}:$one->{run}{id}<" . join(',', map { "$_->{name}=" . ($_->{producedByRunId} // '?') } @{ $one->{inputs} }) . '>' }
		  @{ get("/api/v1/runlineage/upstream?$question")->{json}{runs} });
}
my $first = "postgres.pipeline.revenue:$run{revenue1}<postgres.silver.orders=?,postgres.silver.paid=?>";
my $second = "postgres.pipeline.double:$run{double1}<postgres.silver.revenue=$run{revenue1}>";
is(runs("runId=$run{double1}"), "$second $first", 'a run, and the run that made what it read, not the newest one');
is(runs("runId=$run{double1}&depth=0"), $second, 'no further than asked');
is(runs("runId=$run{revenue2}"), $first =~ s/$run{revenue1}/$run{revenue2}/r, 'nobody is known who filled its table');
is(runs('runId=01900000-0000-7000-8000-000000000001'), "mail:01900000-0000-7000-8000-000000000001<postgres.silver.double=$run{double1}> $second $first", 'from another platform into ours');
$r = get("/api/v1/runlineage/upstream?runId=$run{double1}")->{json}{runs}[0];
is("$r->{job}{namespace} $r->{run}{status}", "$ns COMPLETED", 'what it was');
like($r->{run}{start} . $r->{run}{end}, qr/^(20[0-9-]+T[0-9:.]+Z){2}$/, 'and when');
like($r->{inputs}[0]{version}, qr/^[0-9a-f-]{36}$/, 'a version');
is(get("/api/v1/runlineage/upstream?$_")->{status}, 404, "no run: $_") foreach 'runId=01900000-0000-7000-8000-000000000002', 'runId=x', 'runId=y:1';
is(get("/api/v1/runlineage/upstream?$_")->{status}, 400, "a bad question: $_") foreach '', "runId=$run{double1}&depth=x", "runId=$run{double1}&depth=-1";
is(http($port, 'GET', $_, auth => 'norights:x')->{status}, 403, "$_ without the right to ask") foreach '/api/v1/search?q=r', '/api/v1/events/lineage', "/api/v1/runlineage/upstream?runId=$run{double1}";

# ---- what cannot be answered
is(get('/api/v1/lineage')->{status}, 400, 'no nodeId');
is(get('/api/v1/lineage?nodeId=dataset:silver.orders&depth=x')->{status}, 400, 'depth is no number');
is(get('/api/v1/lineage?nodeId=dataset:silver.orders&depth=0')->{status}, 400, 'depth is zero');
is(get("/api/v1/lineage?nodeId=$_")->{status}, 404, "no node: $_") foreach 'dataset:silver.nothing', 'job:x:y', 'nonsense', 'dataset:%22', 'run:1';
is(http($port, 'DELETE', '/api/v1/lineage?nodeId=dataset:silver.orders', auth => 'boss:x')->{status}, 405, 'nothing is deleted');
is(http($port, 'GET', '/api/v1/lineage?nodeId=dataset:silver.orders', auth => 'norights:x')->{status}, 403, 'without the right to ask');
is(http($port, 'GET', '/api/v1/lineage?nodeId=dataset:silver.orders')->{status}, 401, 'nobody');
done_testing();
