# OpenLineage events reach their endpoint: all of them, those of a run in their
# order, through an outage, a refusal, a crash and a restart; none without one.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StubRegistry;
use Test::More;

# It keeps the bodies that it gets, and answers as it is told.
my $canary = 'canary-8c21f0';
my $stub = StubRegistry->new;
my $node = dataplat_node('lineage', conf => "dataplat.lineage_namespace = 'postgres://db:5432'\ndataplat.lineage_interval = 1");

sub query
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# The events so far: [runId, type, job, time], each once, in the order of arrival.
sub events
{
	my %seen;
	return grep { !$seen{"@$_[0, 1, 3]"}++ } map { [ $_->[2]{run}{runId}, $_->[2]{eventType}, $_->[2]{job}{name}, $_->[2]{eventTime} ] } $stub->bodies;
}

# Every run that the database knows has arrived, START first, and none else.
sub arrived
{
	my ($label) = @_;
	my (%types, @wrong);

	push @{ $types{ $_->[0] } }, $_->[1] for events();
	my $expected = query(q{SELECT string_agg(dataplat_internal.run_uuid('pipeline', run_id::text, started_at)::text || ' START '
		|| CASE state WHEN 'failed' THEN 'FAIL' ELSE 'COMPLETE' END, ', ' ORDER BY run_id) FROM dataplat.pipeline_run WHERE run_id > 1});
	my %expected = map { /^(\S+) (.*)/ } split /, /, $expected;
	is_deeply({ map { $_ => "@{ $types{$_} }" } keys %types }, \%expected, $label);
	return;
}

sub delivered
{
	my ($label, $runs) = @_;
	wait_until($node, "SELECT (SELECT count(*) = $runs FROM dataplat.pipeline_run) AND count(*) = 2 * ($runs - 1) AND bool_and(status = 'delivered')"
		  . q{ FROM dataplat.lineage_outbox WHERE kind = 'pipeline'}, $label);
	return;
}

query(qq{CREATE SCHEMA s; CREATE TABLE s.o (id int PRIMARY KEY, amount int); INSERT INTO s.o VALUES (1, 1);
	CREATE SERVER backend FOREIGN DATA WRAPPER dataplat_http OPTIONS (url '${\$stub->url}', timeout_ms '2000', connect_timeout_ms '1000');
	CREATE USER MAPPING FOR PUBLIC SERVER backend OPTIONS (username 'writer', password '$canary')});
query(q{SELECT dataplat.create_pipeline('p', 's.t', keys => '{id}', schedule => 'manual', query => 'SELECT id, 10 / amount AS a FROM s.o')});

# Off: nothing piles up.
query(q{SELECT dataplat.run_pipeline('p')});
is(query(q{SELECT count(*) FROM dataplat.lineage_outbox}), '0', 'no endpoint, no outbox');

# On: what happens from now on.
$stub->behave(login => "writer:$canary");
query(q{SELECT dataplat.set_lineage_endpoint('backend')});
query(qq{INSERT INTO s.o VALUES ($_, 1); SELECT dataplat.run_pipeline('p')}) for 2 .. 4;
delivered('runs are told', 4);
arrived('each run with its two events');
is((grep { $_->[1] ne '/api/v1/lineage' } $stub->bodies), 0, 'at the usual path');

# A transaction that stays open for long: its run commits late and is not forgotten.
my $slow = $node->background_psql('postgres', on_error_die => 1);
$slow->query_safe(q{BEGIN; INSERT INTO s.o VALUES (5, 1); SELECT dataplat.run_pipeline('p')});
wait_until($node, q{SELECT told_until >= (SELECT xact_start FROM pg_stat_activity WHERE state = 'idle in transaction') - interval '1 second' FROM dataplat.lineage_endpoint},
	'the worker looks in the meantime, up to that transaction');
$slow->query_safe('COMMIT');
$slow->quit;
delivered('a run that committed late', 5);

# The endpoint is gone: events wait, health says why; then all arrive.
$stub->stop;
query(qq{INSERT INTO s.o VALUES ($_, 1); SELECT dataplat.run_pipeline('p')}) for 6 .. 8;
wait_until($node, q{SELECT count(*) = 1 FROM dataplat.health WHERE object = 'lineage endpoint backend' AND problem = 'not reachable'}, 'health tells of the outage');
is(query(q{SELECT bool_and(attempts <= 10) FROM dataplat.lineage_outbox}), 't', 'it is not asked again and again');
$node->restart;
$stub->start;
query(q{SELECT dataplat.retry_lineage_events()});
delivered('after the outage', 8);
is(query(q{SELECT count(*) FROM dataplat.health WHERE object LIKE 'lineage%'}), '0', 'and health is well');

# Overloaded: asked later, as it wishes.
$stub->behave(mode => 'status', status => 503, retry_after => 1, login => "writer:$canary");
query(q{INSERT INTO s.o VALUES (9, 1); SELECT dataplat.run_pipeline('p')});
wait_until($node, q{SELECT bool_or(last_error LIKE 'status 503%') FROM dataplat.lineage_outbox}, 'a 503 is tried again');
$stub->behave(login => "writer:$canary");
delivered('and taken then', 9);

# Refused: kept, told, and sent again on demand.
$stub->behave(mode => 'status', status => 422, login => "writer:$canary");
query(q{INSERT INTO s.o VALUES (10, 0)});
$node->psql('postgres', q{SELECT dataplat.run_pipeline('p')});
query(q{DELETE FROM s.o WHERE id = 10; INSERT INTO s.o VALUES (11, 1); SELECT dataplat.run_pipeline('p')});
wait_until($node, q{SELECT count(*) >= 2 FROM dataplat.lineage_outbox WHERE status = 'failed'}, 'a refused event is not sent for ever');
like(query(q{SELECT cause FROM dataplat.health WHERE problem = 'events failed'}), qr/events were not taken, the newest because: status 422/, 'health says so');
my $before = () = $stub->bodies;
$stub->behave(login => "writer:$canary");
cmp_ok(query(q{SELECT dataplat.retry_lineage_events('backend')}), '>=', 2, 'it can be sent again');
my $runs = query(q{SELECT count(*) FROM dataplat.pipeline_run});
delivered('and is', $runs);

# Crashes: nothing is lost, and what comes twice says that it is the same.
foreach my $round (1 .. 3)
{
	query(qq{INSERT INTO s.o VALUES (100 + $round, 1); SELECT dataplat.run_pipeline('p')});
	$round == 2 ? crash_node($node) : kill_backend($node, 'dataplat lineage worker');
	wait_until($node, 'SELECT true');
	query(qq{INSERT INTO s.o VALUES (200 + $round, 1); SELECT dataplat.run_pipeline('p')});
}
delivered('through crashes', $runs + 6);
arrived('nothing is missing, nothing else is there');

# A secret is told nowhere.  A server that was renamed is one that is gone.
unlike(slurp_file($node->logfile) . query(q{SELECT string_agg(e::text, '') FROM dataplat.lineage_endpoint AS e})
	  . query(q{SELECT string_agg(o::text, '') FROM dataplat.lineage_outbox AS o}), qr/$canary/, 'the password is shown nowhere');
query('ALTER SERVER backend RENAME TO other');
query(q{INSERT INTO s.o VALUES (12, 1); SELECT dataplat.run_pipeline('p')});
wait_until($node, q{SELECT last_error = 'server "backend" does not exist' FROM dataplat.lineage_endpoint}, 'a server that is gone is a problem of its endpoint');

# Off again: the outbox goes with the endpoint.
query(q{SELECT dataplat.drop_lineage_endpoint('backend')});
is(query(q{SELECT count(*) FROM dataplat.lineage_outbox}), '0', 'nothing is left');
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'dataplat lineage worker'}, 'and no worker');

$node->stop;
done_testing();
