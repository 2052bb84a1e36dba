-- Mend dead letters: look, fix, retry, discard.  A row comes exactly once.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SERVER dead_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT dataplat.create_source('dead', 'dead_shop', 't', layout => 'both', columns => 'id int', include => '{raw}', paused => true);
INSERT INTO dataplat_internal.source_offset (source, topic, partition, next_offset, first_offset, rows, dead_letters)
VALUES ('dead', 't', 0, 5, 0, 2, 3), ('dead', 't', 1, 2, 0, 1, 1);
INSERT INTO dataplat.dead_letter (dead_letter_id, source, topic, partition, message_offset, key, value, headers, stage, sqlstate, message, fingerprint)
VALUES (-1, 'dead', 't', 0, 1, 'k', '{"id": 1', '[{"key": "h", "value": "x"}]', 'value', '22P02', 'invalid JSON', 'a'),
       (-2, 'dead', 't', 0, 2, NULL, '{"id": "two"}', NULL, 'value', '22P02', 'invalid integer', 'b'),
       (-3, 'dead', 't', 0, 4, NULL, '{"id": 4}', NULL, 'insert', '23514', 'a check that is gone by now', 'c'),
       (-4, 'dead', 't', 1, 0, NULL, '{', NULL, 'value', '22P02', 'invalid JSON', 'a');
SELECT source, stage, sqlstate, message, fingerprint, open, total, example_id FROM dataplat.dead_letter_summary WHERE source = 'dead' ORDER BY fingerprint;

-- What failed for a reason that has gone becomes a row; the rest says why not.
SELECT * FROM dataplat.retry_dead_letters('dead');
SELECT dead_letter_id, state, attempts, detail FROM dataplat.dead_letter WHERE source = 'dead' ORDER BY 1 DESC;

-- Fix by text, jsonb and bytes; nothing is a row before the retry.
SELECT dataplat.fix_dead_letter(-1, '{"id": 1}');
SELECT dataplat.fix_dead_letter(-2, jsonb_build_object('id', 2));
SELECT dataplat.fix_dead_letter(-4, '{"id": 40}'::bytea);
SELECT count(*) FROM bronze.dead;
SELECT * FROM dataplat.retry_dead_letters('dead', 'partition = 0 AND message LIKE ''invalid%'' -- only these');
SELECT * FROM dataplat.retry_dead_letters('dead');
-- Doing it twice changes nothing.
SELECT * FROM dataplat.retry_dead_letters('dead');
SELECT dataplat.fix_dead_letter(-1, '{"id": 100}');
SELECT _partition, _offset, _key, _headers, id, value, convert_from(_raw, 'UTF8') AS raw FROM bronze.dead ORDER BY 1, 2;
SELECT dead_letter_id, state, resolved_by = current_user AS by_me FROM dataplat.dead_letter WHERE source = 'dead' ORDER BY 1 DESC;

-- The books: dead letters have become rows, in the counters and in the ledger.
SELECT partition, rows, dead_letters, rows + dead_letters + filtered + quarantined + gaps = next_offset - first_offset AS adds_up
  FROM dataplat_internal.source_offset WHERE source = 'dead' ORDER BY 1;
SELECT partition, sum(rows) AS rows, sum(dead_letters) AS dead_letters FROM dataplat.batch WHERE source = 'dead' AND kind = 'retry' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS rows_with_a_ledger_row FROM bronze.dead AS b JOIN dataplat.batch AS l ON l.batch_id = b._batch_id AND l.partition = b._partition;

-- A target that refuses: the letter stays open and the rest goes on.
INSERT INTO dataplat.dead_letter (dead_letter_id, source, topic, partition, message_offset, value, stage, sqlstate, message, fingerprint, truncated)
VALUES (-5, 'dead', 't', 0, 5, '{"id": 5}', 'value', '22P02', 'x', 'd', false), (-6, 'dead', 't', 0, 6, '{"id":', 'size', '54000', 'too large', 'e', true),
       (-7, 'dead', 't', 0, 7, '{"id": 7}', 'value', '22P02', 'x', 'd', false);
ALTER TABLE bronze.dead ADD CONSTRAINT no_five CHECK (id <> 5);
SELECT * FROM dataplat.retry_dead_letters('dead');
SELECT dead_letter_id, state, regexp_replace(detail, '_p\d{8}', '_pYYYYMMDD') AS detail FROM dataplat.dead_letter WHERE source = 'dead' AND dead_letter_id < -4 ORDER BY 1 DESC;

-- Giving up, with a reason; the bytes stay.
SELECT dataplat.discard_dead_letters('dead', 'truncated', 'never needed');
SELECT dataplat.discard_dead_letters('dead', reason => 'the rest');
SELECT dataplat.discard_dead_letters('dead', reason => 'again');
SELECT dead_letter_id, state, reason, value IS NOT NULL AS kept FROM dataplat.dead_letter WHERE source = 'dead' AND state = 'discarded' ORDER BY 1 DESC;
SELECT dataplat.fix_dead_letter(-5, NULL::text);

-- A filter is a condition and nothing else.
SELECT dataplat.retry_dead_letters('dead', 'no_such_column = 1');
SELECT dataplat.retry_dead_letters('dead', 'partition');
SELECT dataplat.retry_dead_letters('dead', '1 = 1); DROP TABLE bronze.dead; --');
SELECT to_regclass('bronze.dead') IS NOT NULL AS there;
SELECT kind, detail - 'batch_id' AS detail FROM dataplat.source_event WHERE source = 'dead' AND kind IN ('retry', 'fix', 'discard') ORDER BY event_id;
ROLLBACK;
