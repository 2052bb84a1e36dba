-- dbt's artifacts: nodes, edges by column where the SQL can be read, results, freshness, catalog.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA lod;
CREATE TABLE lod.raw_orders (id int, amount numeric, status text);
CREATE TABLE lod.orders (id int, total numeric);
CREATE VIEW lod.paid AS SELECT id FROM lod.orders;
CREATE FUNCTION lod.manifest() RETURNS jsonb LANGUAGE sql AS $$
    SELECT replace($j$ {"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.16", "project_name": "lod_shop",
            "generated_at": "2026-03-01T10:00:00.123456Z", "invocation_id": "11111111-2222-3333-4444-555555555555", "adapter_type": "postgres", "unheard_of": [1]},
        "nodes": {
          "model.lod_shop.orders": {"unique_id": "model.lod_shop.orders", "resource_type": "model", "name": "orders", "relation_name": "\"DB\".\"lod\".\"orders\"",
            "description": "one row an order", "tags": ["core"], "config": {"materialized": "table", "meta": {"owner": "team-shop"}}, "original_file_path": "models/orders.sql",
            "checksum": {"name": "sha256", "checksum": "abc"}, "depends_on": {"nodes": ["source.lod_shop.raw.raw_orders"]}, "columns": {"total": {"name": "total", "description": "in EUR"}, "gone": {"description": "x"}},
            "compiled_code": "select id, sum(amount) as total from \"DB\".\"lod\".\"raw_orders\" where status = 'paid' group by id", "language": "sql"},
          "model.lod_shop.paid": {"unique_id": "model.lod_shop.paid", "resource_type": "model", "name": "paid", "relation_name": "\"DB\".\"lod\".\"paid\"", "description": "", "tags": [],
            "config": {"materialized": "view"}, "depends_on": {"nodes": ["model.lod_shop.orders", "model.lod_shop.tmp"]}, "columns": {}, "compiled_code": "this is no sql"},
          "model.lod_shop.tmp": {"unique_id": "model.lod_shop.tmp", "resource_type": "model", "name": "tmp", "relation_name": null, "config": {"materialized": "ephemeral"},
            "depends_on": {"nodes": ["source.lod_shop.raw.raw_orders"]}, "columns": {}, "tags": []},
          "test.lod_shop.not_null_orders_id.1": {"unique_id": "test.lod_shop.not_null_orders_id.1", "resource_type": "test", "name": "not_null_orders_id", "relation_name": null,
            "config": {"severity": "ERROR"}, "column_name": "id", "attached_node": "model.lod_shop.orders", "test_metadata": {"name": "not_null", "kwargs": {"column_name": "id"}},
            "depends_on": {"nodes": ["model.lod_shop.orders"]}}},
        "sources": {"source.lod_shop.raw.raw_orders": {"unique_id": "source.lod_shop.raw.raw_orders", "resource_type": "source", "name": "raw_orders",
            "relation_name": "\"DB\".\"lod\".\"raw_orders\"", "columns": {}, "tags": [], "description": ""}},
        "exposures": {"exposure.lod_shop.lod_board": {"unique_id": "exposure.lod_shop.lod_board", "resource_type": "exposure", "name": "lod_board", "type": "dashboard",
            "owner": {"name": "Ann", "email": "ann@example.com"}, "depends_on": {"nodes": ["model.lod_shop.paid"]}, "tags": []}},
        "parent_map": {}, "child_map": {}, "macros": {}} $j$, 'DB', current_database())::jsonb $$;
CREATE VIEW lod.edges AS SELECT job, output_node, output_column, input_node, input_column, type, subtype FROM dataplat_internal.lineage_edge
 WHERE origin = 'dbt' AND job LIKE 'dbt:%.lod_shop.%' AND valid_to IS NULL ORDER BY job, output_node, output_column, input_node, input_column, subtype;

SELECT dataplat.import_dbt('manifest', lod.manifest());
SELECT unique_id, resource_type, node, description, owner, tags, materialized, path, depends_on, test - 'kwargs' AS test FROM dataplat.dbt_node WHERE project = 'lod_shop' ORDER BY 1;
SELECT * FROM lod.edges;
-- Into the catalog.
SELECT obj_description('lod.orders'::regclass), col_description('lod.orders'::regclass, 2);
SELECT tag FROM dataplat.tag WHERE object = 'lod.orders';
SELECT owner FROM dataplat.dataset_owner WHERE object = 'lod.orders';

-- Again: nothing new.  Without a model: its edges hold no more.
SELECT dataplat.import_dbt('manifest', lod.manifest());
SELECT dataplat.import_dbt('manifest', lod.manifest() #- '{nodes,model.lod_shop.paid}' #- '{exposures,exposure.lod_shop.lod_board}');
SELECT job, output_column, input_column FROM lod.edges;
SELECT count(*) FROM dataplat_internal.lineage_edge WHERE origin = 'dbt' AND job = 'dbt:exposure.lod_shop.lod_board';

-- Results, freshness, catalog.
SELECT dataplat.import_dbt('run_results', '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json", "dbt_version": "1.11.16", "generated_at": "2026-03-01T10:01:00Z", "invocation_id": "i-1"},
    "results": [{"unique_id": "model.lod_shop.orders", "status": "success", "timing": [{"name": "compile", "started_at": "2026-03-01T10:00:01Z", "completed_at": "2026-03-01T10:00:02Z"},
                 {"name": "execute", "started_at": "2026-03-01T10:00:02Z", "completed_at": "2026-03-01T10:00:05Z"}], "execution_time": 3.5, "adapter_response": {"_message": "SELECT 2", "rows_affected": 2}, "message": "SELECT 2", "failures": null},
                {"unique_id": "test.lod_shop.not_null_orders_id.1", "status": "fail", "timing": [], "execution_time": 0.1, "adapter_response": {}, "message": "Got 2 results", "failures": 2}], "elapsed_time": 4, "args": {}}');
SELECT unique_id, status, failures, message, started_at, completed_at, execution_time FROM dataplat.dbt_result WHERE project = 'lod_shop' ORDER BY 1;
SELECT dataplat.import_dbt('sources', '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json", "generated_at": "2026-03-01T10:02:00Z", "invocation_id": "i-2"},
    "results": [{"unique_id": "source.lod_shop.raw.raw_orders", "status": "warn", "max_loaded_at": "2026-03-01T08:00:00+00:00", "snapshotted_at": "2026-03-01T10:02:00Z", "max_loaded_at_time_ago_in_s": 7320.0,
                 "criteria": {"warn_after": {"count": 1, "period": "hour"}}}]}');
SELECT unique_id, status, max_loaded_at, age_seconds FROM dataplat.dbt_source_freshness WHERE project = 'lod_shop';
SELECT dataplat.import_dbt('catalog', '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json", "generated_at": "2026-03-01T10:03:00Z"}, "sources": {},
    "nodes": {"model.lod_shop.orders": {"metadata": {"type": "BASE TABLE", "owner": "me"}, "columns": {"id": {"type": "integer", "index": 1, "name": "id"}}, "stats": {}}}, "errors": null}');
SELECT unique_id, catalog #>> '{columns,id,type}' AS type FROM dataplat.dbt_node WHERE project = 'lod_shop' AND catalog IS NOT NULL;
SELECT kind, schema_version, dbt_version, generated_at FROM dataplat.dbt_import WHERE project = 'lod_shop' ORDER BY 1;

-- Bad input.
SELECT dataplat.import_dbt('lineage', '{}');
SELECT dataplat.import_dbt('manifest', '[]');
SELECT dataplat.import_dbt('manifest', '{"metadata": {}}');
SELECT dataplat.import_dbt('manifest', '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v4.json"}}');
SELECT dataplat.import_dbt('catalog', lod.manifest());
SELECT dataplat.import_dbt(NULL, NULL);

DELETE FROM dataplat.dbt_node WHERE project = 'lod_shop';
DELETE FROM dataplat.dbt_result WHERE project = 'lod_shop';
DELETE FROM dataplat.dbt_source_freshness WHERE project = 'lod_shop';
DELETE FROM dataplat.dbt_import WHERE project = 'lod_shop';
DELETE FROM dataplat_internal.lineage_edge WHERE origin = 'dbt' AND job LIKE 'dbt:%.lod_shop.%';
DELETE FROM dataplat.tag WHERE object = 'lod.orders';
DELETE FROM dataplat.dataset_owner WHERE object = 'lod.orders';
DROP SCHEMA lod CASCADE;
