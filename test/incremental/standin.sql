-- A stand-in for the extension, to prove the harness itself (check.py --standin):
-- the same names, every run computes everything.  With standin.fault it makes
-- the mistakes that the harness must see.

CREATE SCHEMA dataplat;
CREATE TABLE dataplat.pipeline (name text PRIMARY KEY, target text, query text, search_path text, mode text, mode_reason text);
CREATE TABLE dataplat.pipeline_run (run_id bigserial, pipeline text, kind text, state text, rows_in bigint, reason text, error text);

CREATE FUNCTION dataplat.create_pipeline(name text, target text, query text, keys text[] = NULL, mode text = NULL,
                                         schedule text = 'on_data', lookups text[] = '{}')
RETURNS regclass LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %s AS SELECT * FROM (%s) AS q WHERE false', target, query);
    INSERT INTO dataplat.pipeline VALUES (name, target, query, current_setting('search_path'), coalesce(mode, 'full'), 'a stand-in');
    RETURN target::regclass;
END $$;

CREATE FUNCTION dataplat.run_pipeline(name text, commit boolean = true)
RETURNS dataplat.pipeline_run LANGUAGE plpgsql AS $$
DECLARE
    p     dataplat.pipeline;
    r     dataplat.pipeline_run;
    fault text := coalesce(current_setting('standin.fault', true), '');
    old   text := current_setting('search_path');
BEGIN
    SELECT * INTO STRICT p FROM dataplat.pipeline AS x WHERE x.name = run_pipeline.name;
    PERFORM set_config('search_path', p.search_path, true);
    IF commit THEN
        EXECUTE format('CREATE TEMP TABLE fresh ON COMMIT DROP AS %s', p.query);
        IF fault = 'keep_deleted' THEN
            EXECUTE format('INSERT INTO %s TABLE fresh EXCEPT ALL TABLE %s', p.target, p.target);
        ELSIF fault = 'stale' AND random() < 0.05 THEN
            NULL;
        ELSE
            EXECUTE format('DELETE FROM %s', p.target);
            EXECUTE format('INSERT INTO %s TABLE fresh', p.target);
        END IF;
        IF fault = 'one_copy' THEN
            EXECUTE format('DELETE FROM %1$s AS x USING %1$s AS y WHERE x.ctid > y.ctid AND x.*::text = y.*::text', p.target);
        END IF;
        DROP TABLE fresh;
    END IF;
    PERFORM set_config('search_path', old, true);
    INSERT INTO dataplat.pipeline_run (pipeline, kind, state, rows_in) VALUES (p.name, 'full', 'succeeded', 1) RETURNING * INTO r;
    RETURN r;
END $$;
