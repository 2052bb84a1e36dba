# What becomes of a source when the topic changes under it: transactions,
# compaction, retention, deletion, and being made anew.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use DataplatKafka;
use Test::More;

my $kafka = DataplatKafka->new(conf => 'log.retention.check.interval.ms=1000;log.cleaner.backoff.ms=200');
my $node = dataplat_node('main', conf => ingest_conf("dataplat.metadata_interval = 1\ndataplat.restart_backoff_max = '2s'\n"));
my $b = $kafka->bootstrap;

make_server($node, 'k', $b);

sub kafka_tool { return run_tool('dp_kafka', @_, '-b', $b); }
sub sql { return $node->safe_psql('postgres', @_); }

sub source
{
	my ($topic, $more) = @_;
	return sql("SELECT dataplat.create_source('$topic', 'k', '$topic'" . ($more // '') . ')');
}

sub lines
{
	my ($topic, $partition, @n) = @_;
	return produce_lines($b, $topic, $partition, map { qq({"n": $_, "of": "$topic"}) } @n);
}

sub next_is
{
	my ($source, $next, $label) = @_;
	return wait_until($node, "SELECT string_agg(o.next_offset::text, ' ' ORDER BY o.partition) FROM dataplat_internal.source_offset AS o WHERE o.source = '$source'",
		$label, expected => $next)
	  || diag(sql("SELECT * FROM dataplat.source_status AS s WHERE s.source = '$source'"));
}

sub loss_is
{
	my ($source, $expected, $label) = @_;
	return wait_until($node, "SELECT string_agg(concat_ws(' ', e.class, e.from_offset, e.to_offset), ', ' ORDER BY e.event_id) FROM dataplat.data_loss_event AS e WHERE e.source = '$source' AND e.resolved_at IS NULL",
		$label, expected => $expected)
	  || diag(sql("SELECT * FROM dataplat.source_status AS s WHERE s.source = '$source'"));
}

sub transaction
{
	my ($topic, $end, @values) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/lines';
	open my $fh, '>', $file or die $!;
	print $fh map { "$_\n" } @values;
	close $fh;
	return kafka_tool('produce', $topic, '-p', 0, '--lines', $file, '--txn', "tx-$topic", '--end', $end);
}

# Aborted messages are never rows; the aborted tail and its marker are passed.
kafka_tool('topic-create', 'tx', 1);
transaction('tx', 'commit', '{"n": 1}', '{"n": 2}');
transaction('tx', 'abort', '{"n": "aborted"}', 'not even JSON');
source('tx');
next_is('tx', '6', 'transactions: the end is behind the last marker');
is(sql(q{SELECT count(*), count(*) FILTER (WHERE value ->> 'n' = 'aborted') FROM bronze.tx}), '2|0', 'nothing aborted is stored');
wait_until($node, q{SELECT lag = 0 FROM dataplat.source_status WHERE source = 'tx'}, 'lag 0');
is(sql(q{SELECT rows, dead_letters, gaps FROM dataplat_internal.source_offset WHERE source = 'tx'}), '2|0|4', 'markers and aborted messages are gaps');
transaction('tx', 'commit', '{"n": 3}');
next_is('tx', '8', 'and it goes on');

# A compacted topic: the holes are counted, not suspected.
kafka_tool('topic-create', 'compacted', 1, '-c', 'cleanup.policy=compact', '-c', 'segment.ms=100', '-c', 'min.cleanable.dirty.ratio=0.001',
	'-c', 'max.compaction.lag.ms=100');
for my $round (1 .. 3)
{
	$kafka->produce('compacted', 0, map { ("k$_" => qq({"n": $_, "round": $round})) } 1 .. 20);
}
for my $try (1 .. 200)
{
	# A new segment is what makes the old one be cleaned.
	$kafka->produce('compacted', 0, 'last' => qq({"n": $try}));
	my @left = split /\n/, kafka_tool('consume', 'compacted', '-p', 0, '--values');
	last if @left < 45;
}
my $end = (split ' ', kafka_tool('offsets', 'compacted'))[2];
source('compacted');
next_is('compacted', $end, 'compaction: all is read');
is(sql(q{SELECT rows + gaps = next_offset AND gaps > 0 AND state = 'ok' FROM dataplat_internal.source_offset WHERE source = 'compacted'}), 't', 'and what is gone is a gap');
# A replay does not take away rows whose messages cannot be read again.
sql(q{INSERT INTO bronze.compacted (_partition, _offset, _batch_id, _ingested_at, value) VALUES (0, 0, 0, now(), '{"n": "compacted away"}')});
my ($refused, $out, $why) = $node->psql('postgres', q{SELECT dataplat.replay_source('compacted', 'earliest')});
like($why, qr/no longer has 1 of the messages/, 'compaction: a replay that would lose a row is refused');
is(sql('SELECT count(*) FROM bronze.compacted WHERE _offset = 0'), '1', 'compaction: and it is there');
sql('DELETE FROM bronze.compacted WHERE _offset = 0');
is(sql(q{SELECT dataplat.replay_source('compacted', 'earliest')}), sql('SELECT count(*) FROM bronze.compacted'), 'compaction: without it, all is read again');

# Partitions that are added are read from their beginning.
kafka_tool('topic-create', 'grows', 1);
lines('grows', 0, 1 .. 3);
source('grows', ", start_from => 'latest'");
next_is('grows', '3', 'start_from latest');
# A position that names a partition that the topic never had does not stand for one that comes later.
sql(q{SELECT dataplat.seek_source('grows', '{"7": 0, "8": 0}')});
loss_is('grows', 'PARTITIONS_DELETED 0, PARTITIONS_DELETED 0', 'a slip of the pen');
sql(qq{SELECT dataplat.accept_data_loss('grows', 'grows', $_, 'skip_gap', 'a slip')}) for (7, 8);
kafka_tool('topic-add-partitions', 'grows', 3);
kafka_tool('wait-topic', 'grows', 3);
lines('grows', 1, 4 .. 6);
lines('grows', 2, 7);
next_is('grows', '3 3 1 0 0', 'added partitions are found');
is(sql('SELECT count(*) FROM bronze.grows'), '4', 'and read from offset 0');

# Retention passes a source that is paused.
kafka_tool('topic-create', 'retained', 1);
lines('retained', 0, 0 .. 9);
source('retained');
next_is('retained', '10', 'ten are read');
sql(q{SELECT dataplat.pause_source('retained')});
lines('retained', 0, 10 .. 29);
kafka_tool('delete-records', 'retained', 0, 25);
sql(q{SELECT dataplat.resume_source('retained')});
loss_is('retained', 'START_OFFSET_RESET 10 25', 'the exact range is reported');
source_is($node, 'retained', 'data_loss', 'and the source stands still');
is(sql('SELECT count(*) FROM bronze.retained'), '10', 'nothing is read past the hole');
is(sql(q{SELECT dataplat.accept_data_loss('retained', 'retained', 0, 'skip_gap', 'tested')}), '25', 'accept_data_loss: skip_gap');
next_is('retained', '30', 'it goes on behind the hole');
is(sql('SELECT count(*), min(_offset) FILTER (WHERE _offset > 9) FROM bronze.retained'), '15|25', 'with the rest');

# Made anew and longer: no error of the broker tells of it.  A source that is
# reading may take some messages of the new topic for the old one's before it
# finds out, about once a second; they stay, as rows of the old generation.
for my $how ('while it is read', 'while it is paused')
{
	my $t = $how =~ /paused/ ? 'anew2' : 'anew1';

	kafka_tool('topic-create', $t, 1);
	lines($t, 0, 1 .. 18);
	source($t);
	next_is($t, '18', "$t: read");
	wait_until($node, "SELECT o.sentinel IS NOT NULL FROM dataplat_internal.source_offset AS o WHERE o.source = '$t'", "$t: the group knows");
	sql("SELECT dataplat.pause_source('$t')") if $how =~ /paused/;
	kafka_tool('topic-delete', $t);
	kafka_tool('wait-topic', $t, '--gone');
	kafka_tool('topic-create', $t, 1);
	kafka_tool('wait-topic', $t, 1);
	lines($t, 0, 1001 .. 1044);
	sql("SELECT dataplat.resume_source('$t')") if $how =~ /paused/;
	wait_until($node, "SELECT string_agg(e.class, ',') FROM dataplat.data_loss_event AS e WHERE e.source = '$t' AND e.resolved_at IS NULL",
		"$t: made anew and longer $how", expected => 'ANCHOR_MISMATCH');
	my $next = sql("SELECT o.next_offset FROM dataplat_internal.source_offset AS o WHERE o.source = '$t'");
	is($next, '18', "$t: nothing of it was taken for the old one") if $how =~ /paused/;
	is(sql("SELECT e.to_offset = o.next_offset FROM dataplat.data_loss_event AS e JOIN dataplat_internal.source_offset AS o USING (source, topic, partition)
		WHERE e.source = '$t'"), 't', "$t: the event says how far it had been read");
	is(sql("SELECT dataplat.accept_data_loss('$t', '$t', 0, 'restart_earliest')"), '0', "$t: restart_earliest");
	next_is($t, '44', "$t: the new topic is read");
	is(sql("SELECT count(*), count(DISTINCT r._offset), min((r.value ->> 'n')::int) FROM bronze.$t AS r
		JOIN dataplat.batch AS l ON l.batch_id = r._batch_id AND l.source = '$t' AND l.generation > 1"), '44|44|1001', "$t: each once in the new generation");
	is(sql("SELECT count(*) FROM bronze.$t WHERE (value ->> 'n')::int < 1000"), '18', "$t: the old rows are there");
}

# Made anew and shorter.
kafka_tool('topic-create', 'shorter', 1);
lines('shorter', 0, 1 .. 18);
source('shorter');
next_is('shorter', '18', 'shorter: read');
sql(q{SELECT dataplat.pause_source('shorter')});
kafka_tool('topic-delete', 'shorter');
kafka_tool('wait-topic', 'shorter', '--gone');
kafka_tool('topic-create', 'shorter', 1);
kafka_tool('wait-topic', 'shorter', 1);
lines('shorter', 0, 1 .. 5);
sql(q{SELECT dataplat.resume_source('shorter')});
wait_until($node, q{SELECT e.class FROM dataplat.data_loss_event AS e WHERE e.source = 'shorter'}, 'made anew and shorter', expected => 'OFFSET_BEYOND_END');

# Deleted for good: after the half minute that a broker may need to start.
kafka_tool('topic-create', 'gone', 1);
lines('gone', 0, 1 .. 3);
source('gone');
next_is('gone', '3', 'gone: read');
kafka_tool('topic-delete', 'gone');
loss_is('gone', 'TOPIC_DELETED 3', 'deleted for good');
is(sql('SELECT count(*) FROM bronze.gone'), '3', 'its rows stay');
# It is accepted; what comes later under that name is not left out in silence.
sql(q{SELECT dataplat.accept_data_loss('gone', 'gone', 0, 'skip_gap', 'tested')});
kafka_tool('topic-create', 'gone', 1);
lines('gone', 0, 4 .. 5);
loss_is('gone', 'ANCHOR_MISMATCH 0', 'it is there again');
is(sql(q{SELECT dataplat.accept_data_loss('gone', 'gone', 0, 'restart_earliest', 'tested')}), '0', 'from its beginning');
wait_until($node, 'SELECT count(*) FROM bronze.gone', 'and is read', expected => '5');
# A replay takes nothing away of the topic that was deleted.
is(sql(q{SELECT dataplat.replay_source('gone', 'earliest')}), '2', 'read again');
is(sql('SELECT count(*) FROM bronze.gone'), '5', 'the rows of the old topic stay');

$node->stop;
done_testing();
