-- A wrong argument is answered with the right ones.
BEGIN;
\set ON_ERROR_ROLLBACK on
CREATE SERVER bad_shop FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
\set SHOW_CONTEXT never

SELECT dataplat.create_source('', 'bad_shop', 't', paused => true);
SELECT dataplat.create_source(repeat('x', 64), 'bad_shop', 't', paused => true);
SELECT dataplat.create_source('bad', 'nowhere', 't', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', '', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 'a,,b', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 'a,a', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', '/open', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', '/(/', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', format => 'xml', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', key_format => 'xml', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'rows', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', envelope => 'paper', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', on_error => 'cry', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', schema_evolution => 'mutate', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', include => '{raw,rare}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', start_from => 'yesterday-ish', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', start_from => '-2 parsecs', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', start_from => '{"0": -1}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', start_from => '{"zero": 1}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', start_from => '{}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', start_from => '{', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', workers => 0, paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', batch_rows => 0, paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', batch_bytes => 5, paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', batch_delay => '2 hours', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', rate_limit => 0, paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', max_error_ratio => 2, paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', retention => '-1 day', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', retention => '1000000 years', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', options => '{"delimeter": ";"}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', format => 'csv', options => '{"delimiter": ";;"}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', options => '{"delimiter": ";"}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', envelope => 'upsert', options => '{"drop_tombstones": true}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', options => '[]', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', target => 'a.b.c', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', target => 'a."', paused => true);

-- Registered schemas.
SELECT dataplat.create_source('bad', 'bad_shop', 't', format => 'avro', envelope => 'debezium', options => '{"framing": "yes"}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', format => 'text', value_subject => 't-value', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', format => 'csv', envelope => 'debezium', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', registry => 'reg', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', schema_evolution => 'widen', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', format => 'avro', include => '{rescued}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', format => 'avro', layout => 'columns', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 'a,b', format => 'avro', options => '{"framing": "none"}', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', options => '{"key_subject": "k"}', paused => true);

-- Columns.  No text of the user's reaches a statement but a type that the server has parsed.
SELECT dataplat.create_source('bad', 'bad_shop', 't', columns => 'id int', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', format => 'text', columns => 'id int', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => 'id', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => 'id nosuchtype', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => 'id int, id text', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => 'value int', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => 'id int DEFAULT 5', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => 'id int); DROP TABLE x; --', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => '[{"name": "id", "type": "int --"}]', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => '[{"name": "id", "type": "record"}]', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => '[{"name": "id", "type": "int", "default": 5}]', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', columns => '[]', paused => true);
SELECT dataplat.create_source('bad', 'bad_shop', 't', layout => 'columns', format => 'csv', paused => true);

-- Names that hold quotes are names.
SELECT dataplat.create_source('it''s "odd"; --', 'bad_shop', 't', paused => true);
SELECT dataplat.create_source('it''s "odd"; --', 'bad_shop', 't', paused => true);

-- Unknown names.
SELECT dataplat.alter_source('nobody', workers => 2);
SELECT dataplat.alter_source('it''s "odd"; --', reset => '{owner}');
SELECT dataplat.pause_source('nobody');
SELECT dataplat.resume_source('nobody');
SELECT dataplat.drop_source('nobody');
SELECT dataplat.seek_source('nobody', 'earliest');
SELECT dataplat.seek_source('it''s "odd"; --', 'first');
SELECT dataplat.replay_source('nobody', 'earliest');
SELECT dataplat.wait_for_source('nobody');
SELECT dataplat.accept_data_loss('nobody', 't', 0, 'skip_gap');
SELECT dataplat.retry_dead_letters('nobody');
SELECT dataplat.discard_dead_letters('nobody');
SELECT dataplat.fix_dead_letter(-1, 'x');
SELECT dataplat.retry_dead_letters('it''s "odd"; --', 'no such thing');
SELECT dataplat.show_create('nobody');
SELECT dataplat.command('nothing of ours');
SELECT dataplat.command('nothing');
ROLLBACK;
