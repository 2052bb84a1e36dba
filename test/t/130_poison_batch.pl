# One batch with every kind of malformed message and a good row after each:
# the good ones are rows, each bad one is once in the dead letters and says
# where it is wrong.  Then rows that only the server refuses, and the policies.
use strict;
use warnings;

use DataplatCluster;
use DataplatIngest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = mock_broker('f:1', 'rubbish:1', 'ins:1', 'stopped:1', 'skipped:1');
my $node = dataplat_node('main', conf => ingest_conf("dataplat.max_message_bytes = '64kB'\n"));
my $file = PostgreSQL::Test::Utils::tempdir() . '/message';

make_server($node, 'k', $mock->{bootstrap});

# One message of any bytes.
sub produce_raw
{
	my ($topic, $value, @args) = @_;

	open my $fh, '>:raw', $file or die $!;
	print $fh $value;
	close $fh;
	run_tool('dp_kafka', 'produce', $topic, '-b', $mock->{bootstrap}, '-p', '0', '--raw', $file, @args);
	return;
}

sub stored_up_to
{
	my ($source, $offset) = @_;
	return wait_until($node, "SELECT o.next_offset FROM dataplat_internal.source_offset AS o WHERE o.source = '$source'",
		"$source: everything is accounted for", expected => $offset)
	  || diag($node->safe_psql('postgres', "SELECT * FROM dataplat.source_status AS s WHERE s.source = '$source'"));
}

# Name, bytes, stage, SQLSTATE, and the byte where it is wrong (undef: no one place).
my @bad = (
	[ 'NUL escape', '{"a": "x\u0000y"}', 'value', '22P05', 8 ],
	[ 'raw NUL', qq({"a": "x\0y"}), 'value', '22021', 8 ],
	[ 'invalid UTF-8', qq({"a": "\xff\xfe"}), 'value', '22021', 7 ],
	[ 'overlong UTF-8', qq({"a": "\xc0\xaf"}), 'value', '22021', 7 ],
	[ 'lone surrogate', '{"a": "\ud800"}', 'value', '22P02', undef ],
	[ 'NaN', '{"a": NaN}', 'value', '22P02', 6 ],
	[ 'Infinity', '{"a": -Infinity}', 'value', '22P02', undef ],
	[ 'trailing comma', '{"a": 1,}', 'value', '22P02', 8 ],
	[ 'too deep', ('[' x 600) . (']' x 600), 'value', '54001', 512 ],
	[ 'number too large', '{"a": 1e131072}', 'value', '22003', undef ],
	[ 'number too small', '{"a": 1e-20000}', 'value', '22003', undef ],
	[ 'cut off', '{"a": [1, 2', 'value', '22P02', 11 ],
	[ 'empty', '', 'value', '22P02', 0 ],
	[ 'two values', '{} {}', 'value', '22P02', 3 ],
	[ 'leading zero', '{"a": 01}', 'value', '22P02', undef ],
	[ 'control character', qq({"a": "x\ny"}), 'value', '22P02', 8 ],
	[ 'key not UTF-8', '{"a": 1}', 'key', '22021', 1, '-k', "k\xff" ],
	[ 'over the size limit', '{"a": "' . ('x' x 70000) . '"}', 'size', '54000', undef ],
);

for my $n (0 .. $#bad)
{
	my ($name, $bytes, undef, undef, undef, @args) = @{ $bad[$n] };

	produce_raw('f', $bytes, @args);
	produce_raw('f', qq({"n": $n}), '-k', "k$n");
}

# Strange, and good all the same.
produce_raw('f', '{"a": 1, "a": 2}');
produce_raw('f', '{"a": ' . ('9' x 400) . '}', '-k', 'K' x 16000);
produce_raw('f', '{}', '-H', 'h=1', '-H', 'h=2');
run_tool('dp_kafka', 'tombstone', 'f', 'gone', '-b', $mock->{bootstrap}, '-p', 0);
my $end = 2 * @bad + 4;

$node->safe_psql('postgres', q{SELECT dataplat.create_source('f', 'k', 'f')});
stored_up_to('f', $end);
is($node->safe_psql('postgres', q{SELECT string_agg(value ->> 'n', ',' ORDER BY _offset) FROM bronze.f WHERE value ? 'n'}),
	join(',', 0 .. $#bad), 'each good row is there once');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT _offset), count(*) FILTER (WHERE value IS NULL) FROM bronze.f'),
	(@bad + 4) . '|' . (@bad + 4) . '|1', 'with the strange ones and the tombstone');
is($node->safe_psql('postgres', q{SELECT octet_length(_key) FROM bronze.f ORDER BY 1 DESC NULLS LAST LIMIT 1}), '16000', 'a long key is no problem');
is($node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT message_offset) FROM dataplat.dead_letter WHERE source = 'f'}),
	@bad . '|' . @bad, 'each bad message is once in the dead letters');
for my $n (0 .. $#bad)
{
	my ($name, $bytes, $stage, $sqlstate, $at) = @{ $bad[$n] };
	my $got = $node->safe_psql('postgres', "SELECT stage, sqlstate, message, coalesce(detail, '') FROM dataplat.dead_letter WHERE source = 'f' AND message_offset = " . 2 * $n);
	my ($got_stage, $got_state, $words) = split /\|/, $got, 3;

	is("$got_stage $got_state", "$stage $sqlstate", "$name: stage and SQLSTATE") or diag($got);
	like($words // '', qr/byte $at\b/, "$name: at byte $at") if defined $at;
	is($node->safe_psql('postgres', "SELECT encode(value, 'hex') FROM dataplat.dead_letter WHERE source = 'f' AND message_offset = " . 2 * $n),
		unpack('H*', $bytes), "$name: its bytes are kept") if $stage ne 'size';
}
is($node->safe_psql('postgres', q{SELECT truncated, value_bytes, octet_length(value) FROM dataplat.dead_letter WHERE stage = 'size'}),
	't|70009|65536', 'of the large one the head is kept');
is($node->safe_psql('postgres', q{SELECT count(*) FROM dataplat.batch AS b WHERE b.rows + b.dead_letters + b.filtered + b.quarantined + b.gaps <> b.to_offset - b.from_offset}),
	'0', 'the ledger adds up');

# A topic of nothing but rubbish stops by its budget, soon.
produce_lines($mock->{bootstrap}, 'rubbish', 0, map { "rubbish $_" } 1 .. 5000);
$node->safe_psql('postgres', q{SELECT dataplat.create_source('rubbish', 'k', 'rubbish')});
source_is($node, 'rubbish', 'paused', 'a topic of rubbish is paused');
is($node->safe_psql('postgres', q{SELECT count(*) BETWEEN 1000 AND 2500 FROM dataplat.dead_letter WHERE source = 'rubbish'}), 't', 'before it filled the dead letters');
is($node->safe_psql('postgres', q{SELECT paused_by FROM dataplat.source WHERE name = 'rubbish'}), 'error budget', 'by the error budget');

# What only the server refuses: a unique key, a check, a trigger.
$node->safe_psql('postgres', q{
	CREATE TABLE ins (_topic text, _partition int, _offset bigint, _timestamp timestamptz, _batch_id bigint,
					  _ingested_at timestamptz, _headers jsonb, _key text, value jsonb);
	CREATE UNIQUE INDEX ON ins ((value ->> 'id'));
	ALTER TABLE ins ADD CONSTRAINT not_seven CHECK (value ->> 'id' <> '7');
	CREATE FUNCTION no_nine() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.value ->> 'id' = '9' THEN RAISE EXCEPTION 'nine is not wanted'; END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER no_nine BEFORE INSERT ON ins FOR EACH ROW EXECUTE FUNCTION no_nine()});
produce_lines($mock->{bootstrap}, 'ins', 0, map { qq({"id": "$_"}) } 1 .. 300, 5, 299, 301 .. 600);
$node->safe_psql('postgres', q{SELECT dataplat.create_source('ins', 'k', 'ins', target => 'public.ins')});
stored_up_to('ins', 602);
is($node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT _offset) FROM ins}), '598|598', 'all other rows are stored');
is($node->safe_psql('postgres', q{SELECT string_agg(message_offset || ' ' || stage || ' ' || sqlstate, ', ' ORDER BY message_offset) FROM dataplat.dead_letter WHERE source = 'ins'}),
	'6 insert 23514, 8 insert P0001, 300 insert 23505, 301 insert 23505', 'the refused ones are found one by one');

# on_error: stop keeps everything from the bad message on in the topic, skip counts it.
produce_lines($mock->{bootstrap}, $_, 0, '{"n": 1}', '{"n": 2}', 'bad', '{"n": 3}') for 'stopped', 'skipped';
$node->safe_psql('postgres', q{SELECT dataplat.create_source('stopped', 'k', 'stopped', on_error => 'stop')});
$node->safe_psql('postgres', q{SELECT dataplat.create_source('skipped', 'k', 'skipped', on_error => 'skip')});
stored_up_to('skipped', 4);
is($node->safe_psql('postgres', q{SELECT rows, filtered, dead_letters FROM dataplat_internal.source_offset WHERE source = 'skipped'}), '3|1|0', 'skipped and counted');
source_is($node, 'stopped', 'failed', 'stopped at the bad message');
is($node->safe_psql('postgres', 'SELECT count(*) FROM bronze.stopped'), '2', 'what came before it is stored');
like($node->safe_psql('postgres', q{SELECT reason FROM dataplat.source_status WHERE source = 'stopped'}), qr/offset 2/, 'the reason names it');
$node->safe_psql('postgres', q{SELECT dataplat.alter_source('stopped', on_error => 'dead_letter'); SELECT dataplat.resume_source('stopped')});
stored_up_to('stopped', 4);
is($node->safe_psql('postgres', 'SELECT count(*) FROM bronze.stopped'), '3', 'and the rest after the policy changed');

# Mended with SQL and tried again: the row lands once, however often one tries.
$node->safe_psql('postgres', q{SELECT dataplat.fix_dead_letter(dead_letter_id, '{"n": "mended"}'::jsonb) FROM dataplat.dead_letter WHERE source = 'stopped'});
is($node->safe_psql('postgres', q{SELECT retried, still_failing FROM dataplat.retry_dead_letters('stopped')}), '1|0', 'retried');
is($node->safe_psql('postgres', q{SELECT retried, still_failing FROM dataplat.retry_dead_letters('stopped')}), '0|0', 'a second time changes nothing');
is($node->safe_psql('postgres', q{SELECT string_agg(_offset || ':' || (value ->> 'n'), ' ' ORDER BY _offset) FROM bronze.stopped}), '0:1 1:2 2:mended 3:3', 'in its place');
is($node->safe_psql('postgres', q{SELECT rows, dead_letters FROM dataplat_internal.source_offset WHERE source = 'stopped'}), '4|0', 'and the counters know');

$node->stop;
done_testing();
