# Many connections register the same and different schemas, some of them
# several in one transaction and in opposite orders, while others delete.  Each
# content has one id, versions have no gaps, and nobody meets a deadlock.
#
# REGISTRY_SECONDS: how long ("make check-registry" runs a minute of it).
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{REGISTRY_SECONDS} || 2;
my $connections = 32;
my $node = dataplat_node('main', conf => "max_connections = 60\nmax_worker_processes = 8\ndataplat.databases = ''\ndeadlock_timeout = 200ms\nfsync = off\n");
my $dir = $node->basedir;

$node->safe_psql('postgres', q{
	SELECT dataplat.set_compatibility('none', ':.__GLOBAL:');
	CREATE TABLE seen (subject text, content bigint, id int);
	CREATE FUNCTION register(subject text, content bigint) RETURNS void LANGUAGE sql AS $$
		INSERT INTO seen SELECT subject, content, dataplat.register_schema(subject,
			'{"type":"record","name":"R","fields":[{"name":"f' || content || '","type":"int"}]}')
	$$;
	CREATE FUNCTION try_delete(subject text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM dataplat.delete_subject(subject);
	EXCEPTION WHEN undefined_object OR object_not_in_prerequisite_state THEN
		NULL;
	END $$;
});

# New contents come all the time, and all connections want the same ones.
my $now = q{SELECT (extract(epoch FROM clock_timestamp()) * 5)::bigint AS now \gset};
my %script = (
	one => [ 6, qq{
\\set s random(1, 8)
\\set c random(0, 2)
$now
SELECT register('s' || :s, :now * 3 + :c);
} ],
	several => [ 2, qq{
\\set s random(1, 8)
\\set t random(1, 8)
\\set c random(0, 2)
\\set d random(0, 2)
$now
BEGIN;
SELECT register('s' || :s, :now * 3 + :c);
SELECT register('s' || :t, :now * 3 + :d);
COMMIT;
} ],
	context => [ 1, qq{
\\set s random(1, 2)
\\set c random(0, 2)
$now
SELECT register(':.ctx:' || 's' || :s, :now * 3 + :c);
} ],
	delete => [ 1, qq{
\\set s random(1, 2)
\\set c random(0, 2)
$now
SELECT register('d' || :s, :now * 3 + :c);
SELECT try_delete('d' || :s);
} ]);

my @files;
foreach my $name (sort keys %script)
{
	append_to_file("$dir/$name.sql", $script{$name}[1]);
	push @files, '-f', "$dir/$name.sql\@$script{$name}[0]";
}
my ($out, $err);
my $ok = IPC::Run::run([ 'pgbench', '-n', '-c', $connections, '-j', 2, '-T', $seconds, '-h', $node->host, '-p', $node->port, @files, 'postgres' ],
	'>', \$out, '2>', \$err);
ok($ok, "$connections connections register for $seconds seconds") or diag("$out\n$err");
unlike($err, qr/error|aborted/i, 'no statement fails');
my ($done) = $out =~ /number of transactions actually processed: (\d+)/;
cmp_ok($done, '>', $connections, 'and something happens');

# Each content has one id in its context, whoever registered it and wherever.
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT FROM seen AS s GROUP BY s.subject LIKE ':.ctx:%', s.content HAVING count(DISTINCT s.id) > 1) AS x}),
	'0', 'one id for each content');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM seen AS s JOIN dataplat.schema_content AS c ON c.id = s.id AND c.context = CASE WHEN s.subject LIKE ':.ctx:%' THEN '.ctx' ELSE '.' END
	 WHERE c.schema NOT LIKE '%"f' || s.content || '"%'}), '0', 'the id that was answered is that of the content');
is($node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT FROM dataplat.schema_content AS c GROUP BY c.context, c.guid HAVING count(*) > 1) AS x'),
	'0', 'no content is stored twice');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT FROM dataplat.schema_version AS v WHERE v.subject NOT LIKE 'd%'
	                       GROUP BY v.subject HAVING count(*) <> max(v.version) OR count(DISTINCT v.id) <> count(*)) AS x}),
	'0', 'versions of a subject have no gaps and no repeats');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT DISTINCT s.subject, s.id FROM seen AS s WHERE s.subject NOT LIKE 'd%') AS s
	 WHERE NOT EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.subject = s.subject AND v.id = s.id AND NOT v.deleted)}),
	'0', 'all that was answered is there');
is($node->safe_psql('postgres', q{SELECT max(c.id) < x.next_id AND count(*) <= max(c.id) FROM dataplat_internal.schema_context AS x
	JOIN dataplat.schema_content AS c ON c.context = x.context WHERE x.context = '.' GROUP BY x.next_id}), 't', 'ids are below the counter');
is($node->safe_psql('postgres', q{SELECT d.deadlocks FROM pg_stat_database AS d WHERE d.datname = 'postgres'}), '0', 'no deadlock');
diag(sprintf('%d transactions, %.0f a second; %s', $done, $done / $seconds,
	$node->safe_psql('postgres', q{SELECT count(*) || ' versions of ' || count(DISTINCT v.subject) || ' subjects, ' || count(DISTINCT v.id) || ' ids' FROM dataplat.schema_version AS v})));

# A dump carries it all along: ids, versions, levels, and the counter.
$node->safe_psql('postgres', q{SELECT dataplat.set_compatibility('full', 's1'), dataplat.set_schema_mode('readonly', ':.ctx:')});
$node->run_log([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-Fc', '-f', "$dir/registry.dump", 'postgres' ]);
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-h', $node->host, '-p', $node->port, '-d', 'copy', '--exit-on-error', "$dir/registry.dump" ], 'the registry is restored');
foreach my $table (qw(dataplat.schema_content dataplat.schema_version dataplat_internal.schema_reference dataplat_internal.schema_context dataplat.registry_config dataplat.registry_mode))
{
	my $sum = "SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text COLLATE \"C\")) FROM $table AS x";
	is($node->safe_psql('copy', $sum), $node->safe_psql('postgres', $sum), "$table is the same in the copy");
}
my ($next) = $node->safe_psql('postgres', q{SELECT next_id FROM dataplat_internal.schema_context WHERE context = '.'});
is($node->safe_psql('copy', q{SELECT dataplat.register_schema('fresh', '{"type":"enum","name":"Fresh","symbols":["A"]}')}), $next, 'the copy goes on counting');

$node->stop;
done_testing();
