-- pipeline: what lineage is told of pipelines, and whether they still work after DDL.

-- Each query is read as its owner and in its search_path, as runs read it.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_of_pipelines()
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat.pipeline;
BEGIN
    FOR p IN SELECT * FROM dataplat.pipeline LOOP
        BEGIN
            RETURN QUERY SELECT f.* FROM dataplat_internal.query_lineage('pipeline:' || p.name, p.target, p.owner, p.search_path, p.query) AS f;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                RAISE;
            WHEN OTHERS THEN
                RETURN NEXT dataplat_internal.unread_job('pipeline:' || p.name, SQLERRM);
        END;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_of_pipelines() IS 'lineage provider: the queries of pipelines';
SELECT dataplat_internal.register_lineage_provider('pipeline', 'dataplat_internal.lineage_of_pipelines');

CREATE OR REPLACE TRIGGER pipeline_lineage
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF name, owner, target, query, search_path ON dataplat.pipeline
    FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.lineage_definition_changed();

-- Why a pipeline does not work any more; NULL when it does.  The query is
-- read as a run would read it, and the result compared with the target.
CREATE OR REPLACE FUNCTION dataplat_internal.pipeline_breakage(p dataplat.pipeline)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass := to_regclass(p.target);
    analysis jsonb;
BEGIN
    IF relation IS NULL AND (p.mode = 'view' OR EXISTS (SELECT FROM dataplat_internal.pipeline_state AS s WHERE s.pipeline = p.name AND s.filled)) THEN
        RETURN format('its target %s does not exist any more', p.target);
    END IF;
    analysis := dataplat_internal.analyze_definition(p);
    IF relation IS NULL OR p.mode = 'view' THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT string_agg(CASE WHEN a.attname IS NULL THEN format('column %I is missing in %s', w.name, p.target)
                               ELSE format('column %I of the result is %s, in %s it is %s', w.name, w.type, p.target, format_type(a.atttypid, a.atttypmod)) END,
                          '; ' ORDER BY w.ordinal)
          FROM dataplat_internal.pipeline_columns(p, analysis -> 'columns') AS w
          LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = w.name AND NOT a.attisdropped
         WHERE a.attname IS NULL OR format_type(a.atttypid, a.atttypmod) <> w.type);
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN SQLERRM;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.pipeline_breakage(dataplat.pipeline) IS 'why a pipeline cannot run as it is; NULL when it can';

-- After a rename nobody knows the old name: what a pipeline reads, or wrote, is missing then.
CREATE OR REPLACE FUNCTION dataplat_internal.check_pipelines_after_ddl(names text[])
RETURNS TABLE (object text, kind text, severity text, reason text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat.pipeline;
BEGIN
    kind := 'pipeline';
    severity := 'breaks';
    FOR p IN
        SELECT * FROM dataplat.pipeline AS x
         WHERE names IS NULL OR x.target = ANY (names) OR dataplat_internal.mentions_lineage_name(x.query, names) OR to_regclass(x.target) IS NULL
            OR EXISTS (SELECT FROM dataplat_internal.pipeline_relation AS r
                        WHERE r.pipeline = x.name AND (r.relation = ANY (names) OR to_regclass(r.relation) IS NULL))
         ORDER BY x.name
    LOOP
        object := p.name;
        reason := dataplat_internal.pipeline_breakage(p);
        IF reason IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_pipelines_after_ddl(text[]) IS 'pipelines that do not work any more, of those that have to do with relations or functions of these names (NULL: of all)';
SELECT dataplat_internal.register_ddl_check('pipeline', 'dataplat_internal.check_pipelines_after_ddl');

-- It brings the target to its new definition by itself.
ALTER FUNCTION dataplat_internal.command_alter_pipeline(name, jsonb) SET dataplat.lineage_ddl_check = 'off';
