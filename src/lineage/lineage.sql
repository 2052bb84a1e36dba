-- lineage: what the providers say, kept with the time it held.

-- ---------------------------------------------------------------- registries

-- Let a room say which edges hold.
CREATE OR REPLACE FUNCTION dataplat_internal.register_lineage_provider(origin text, provider_function text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.lineage_provider AS p (origin, provider_function)
    VALUES ($1, $2)
        ON CONFLICT (origin) DO UPDATE SET provider_function = excluded.provider_function
     WHERE p.provider_function IS DISTINCT FROM excluded.provider_function;
$$;
COMMENT ON FUNCTION dataplat_internal.register_lineage_provider(text, text) IS
    'let a room say which edges of lineage hold; a fact without output_node says that the job could not be read, and why (description)';

CREATE OR REPLACE FUNCTION dataplat_internal.register_impact_provider(kind text, impact_function text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.lineage_impact_provider AS p (kind, impact_function)
    VALUES ($1, $2)
        ON CONFLICT (kind) DO UPDATE SET impact_function = excluded.impact_function
     WHERE p.impact_function IS DISTINCT FROM excluded.impact_function;
$$;
COMMENT ON FUNCTION dataplat_internal.register_impact_provider(text, text) IS
    'let a room say what breaks when a dataset (text, as regclass prints it, with its schema) or a column of it (text, NULL: all of it) goes';

CREATE OR REPLACE FUNCTION dataplat_internal.register_ddl_check(kind text, check_function text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.lineage_ddl_check AS c (kind, check_function)
    VALUES ($1, $2)
        ON CONFLICT (kind) DO UPDATE SET check_function = excluded.check_function
     WHERE c.check_function IS DISTINCT FROM excluded.check_function;
$$;
COMMENT ON FUNCTION dataplat_internal.register_ddl_check(text, text) IS 'let a room look whether its objects still work after DDL';

-- ---------------------------------------------------------------- freshness

CREATE OR REPLACE FUNCTION dataplat_internal.mark_lineage_stale(reason text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    -- A row of another transaction does not do: it may be gone before this one commits.
    INSERT INTO dataplat_internal.lineage_stale (reason) VALUES (mark_lineage_stale.reason) ON CONFLICT (xact) DO NOTHING;
$$;
COMMENT ON FUNCTION dataplat_internal.mark_lineage_stale(text) IS 'let lineage be read afresh before the next question';

-- SECURITY DEFINER: whoever changes a definition need not have rights on the private tables.
CREATE OR REPLACE FUNCTION dataplat_internal.lineage_definition_changed()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.mark_lineage_stale(format('%s of %I.%I', lower(TG_OP), TG_TABLE_SCHEMA, TG_TABLE_NAME));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_definition_changed() IS 'trigger: definitions that lineage is read off have changed';

-- What one provider says.  It reads users' objects, in a subtransaction that
-- is given up afterwards: so their locks are not kept to the end of the
-- transaction of whoever asked.
CREATE OR REPLACE FUNCTION dataplat_internal.ask_lineage_provider(provider_function text)
RETURNS dataplat_internal.lineage_fact[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts dataplat_internal.lineage_fact[];
BEGIN
    BEGIN
        EXECUTE format('SELECT array_agg(DISTINCT f) FROM %s() AS f', provider_function) INTO facts;
        RAISE EXCEPTION 'facts are read' USING ERRCODE = 'DP000';
    EXCEPTION WHEN SQLSTATE 'DP000' THEN
        NULL;
    END;
    RETURN coalesce(facts, '{}');
END;
$$;
COMMENT ON FUNCTION dataplat_internal.ask_lineage_provider(text) IS 'the facts of a provider';

-- A dump is restored while the maintenance worker reads lineage already: edges
-- that come with it have the ids of some that are there, and get others.
CREATE OR REPLACE FUNCTION dataplat_internal.free_edge_id()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WHILE EXISTS (SELECT FROM dataplat_internal.lineage_edge AS e WHERE e.edge_id = NEW.edge_id) LOOP
        NEW.edge_id := nextval('dataplat_internal.lineage_edge_edge_id_seq');
    END LOOP;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.free_edge_id() IS 'trigger: an id that no edge has';
REVOKE ALL ON FUNCTION dataplat_internal.free_edge_id() FROM PUBLIC;
CREATE OR REPLACE TRIGGER free_edge_id BEFORE INSERT ON dataplat_internal.lineage_edge FOR EACH ROW EXECUTE FUNCTION dataplat_internal.free_edge_id();

-- Close what holds no more, open what is new.  Of a job that could not be
-- read stays what was known.
CREATE OR REPLACE FUNCTION dataplat_internal.store_lineage(origin text, facts dataplat_internal.lineage_fact[], OUT opened bigint, OUT closed bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unread text[] := ARRAY(SELECT f.job FROM unnest(facts) AS f WHERE f.output_node IS NULL);
    gone   bigint[];
BEGIN
    gone := ARRAY(
        SELECT e.edge_id FROM dataplat_internal.lineage_edge AS e
         WHERE e.origin = store_lineage.origin AND e.valid_to IS NULL AND NOT e.job = ANY (unread)
           AND ROW(e.job, e.output_node, e.output_column, e.input_node, e.input_column, e.type, e.subtype, e.masking, e.description)::dataplat_internal.lineage_fact::text
               NOT IN (SELECT f::text FROM unnest(facts) AS f WHERE f.output_node IS NOT NULL));
    closed := cardinality(gone);
    -- read here before they came with a dump
    DELETE FROM dataplat_internal.lineage_edge AS e
     USING (SELECT x.edge_id, row_number() OVER (PARTITION BY x.job, x.output_node, x.output_column, x.input_node, x.input_column, x.type, x.subtype, x.masking, x.description
                                                 ORDER BY x.valid_from, x.edge_id) AS nth
              FROM dataplat_internal.lineage_edge AS x WHERE x.origin = store_lineage.origin AND x.valid_to IS NULL) AS again
     WHERE again.nth > 1 AND e.edge_id = again.edge_id;
    -- what came and went in one transaction never held
    DELETE FROM dataplat_internal.lineage_edge AS e WHERE e.edge_id = ANY (gone) AND e.valid_from = now();
    UPDATE dataplat_internal.lineage_edge AS e SET valid_to = now() WHERE e.edge_id = ANY (gone);

    INSERT INTO dataplat_internal.lineage_edge (origin, job, output_node, output_column, input_node, input_column, type, subtype, masking, description)
    SELECT store_lineage.origin, f.job, f.output_node, f.output_column, f.input_node, f.input_column, f.type, f.subtype, f.masking, f.description
      FROM unnest(facts) AS f
     WHERE f.output_node IS NOT NULL
       AND f::text NOT IN (
           SELECT ROW(e.job, e.output_node, e.output_column, e.input_node, e.input_column, e.type, e.subtype, e.masking, e.description)::dataplat_internal.lineage_fact::text
             FROM dataplat_internal.lineage_edge AS e WHERE e.origin = store_lineage.origin AND e.valid_to IS NULL);
    GET DIAGNOSTICS opened = ROW_COUNT;

    DELETE FROM dataplat_internal.lineage_problem AS p WHERE p.origin = store_lineage.origin AND NOT p.job = ANY (unread);
    INSERT INTO dataplat_internal.lineage_problem AS p (origin, job, problem)
    SELECT store_lineage.origin, f.job, min(f.description) FROM unnest(facts) AS f WHERE f.output_node IS NULL GROUP BY f.job
        ON CONFLICT ON CONSTRAINT lineage_problem_pkey DO UPDATE SET problem = excluded.problem WHERE p.problem <> excluded.problem;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.store_lineage(text, dataplat_internal.lineage_fact[]) IS 'bring the open edges of an origin to what its provider says';

CREATE OR REPLACE FUNCTION dataplat_internal.reread_lineage(OUT origin text, OUT opened bigint, OUT closed bigint, OUT problem text)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p     dataplat_internal.lineage_provider;
    facts dataplat_internal.lineage_fact[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('dataplat lineage'), 0);
    -- What changes from here on leaves a row that stays.
    DELETE FROM dataplat_internal.lineage_stale;
    FOR p IN SELECT * FROM dataplat_internal.lineage_provider AS x ORDER BY x.origin LOOP
        origin := p.origin;
        SELECT NULL, NULL, NULL INTO opened, closed, problem;
        BEGIN
            facts := dataplat_internal.ask_lineage_provider(p.provider_function);
            SELECT s.opened, s.closed INTO opened, closed FROM dataplat_internal.store_lineage(p.origin, facts) AS s;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                RAISE;
            WHEN OTHERS THEN
                problem := SQLERRM;
                INSERT INTO dataplat_internal.lineage_problem AS x (origin, job, problem) VALUES (p.origin, p.provider_function, SQLERRM)
                    ON CONFLICT ON CONSTRAINT lineage_problem_pkey DO UPDATE SET problem = excluded.problem;
        END;
        RETURN NEXT;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.reread_lineage() IS 'ask all providers of lineage';

-- What questions call first.  Where nothing may be written, or somebody else
-- holds what would have to be read, the answer is what was known before.
CREATE OR REPLACE FUNCTION dataplat_internal.freshen_lineage()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dataplat_internal.lineage_stale) OR pg_is_in_recovery()
       OR current_setting('transaction_read_only')::boolean OR current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN;
    END IF;
    PERFORM dataplat_internal.reread_lineage();
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.freshen_lineage() IS 'read lineage afresh if something has changed since it was read';

-- Edges that are told once go with their tables and columns; those that hold
-- no more keep the names of their time.  Pipelines, views and the like are
-- read again instead.
CREATE OR REPLACE FUNCTION dataplat_internal.rename_lineage(from_object text, to_object text, columns jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE dataplat_internal.lineage_edge AS e
       SET output_node = CASE e.output_node WHEN from_object THEN to_object ELSE e.output_node END,
           output_column = CASE e.output_node WHEN from_object THEN coalesce(columns ->> e.output_column, e.output_column) ELSE e.output_column END,
           input_node = CASE e.input_node WHEN from_object THEN to_object ELSE e.input_node END,
           input_column = CASE e.input_node WHEN from_object THEN coalesce(columns ->> e.input_column, e.input_column) ELSE e.input_column END
     WHERE e.valid_to IS NULL
       AND (e.output_node = from_object AND (columns IS NULL OR columns ? e.output_column)
            OR e.input_node = from_object AND (columns IS NULL OR columns ? e.input_column))
       AND e.origin NOT IN (SELECT p.origin FROM dataplat_internal.lineage_provider AS p);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.rename_lineage(text, text, jsonb) IS 'let edges that nobody reads afresh follow a renamed table or renamed columns';
SELECT dataplat_internal.register_rename_follower('lineage', 'dataplat_internal.rename_lineage');

CREATE OR REPLACE FUNCTION dataplat_internal.command_refresh_lineage(caller name, a jsonb)
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM dataplat_internal.reread_lineage() AS r; $$;
COMMENT ON FUNCTION dataplat_internal.command_refresh_lineage(name, jsonb) IS 'refresh_lineage as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.refresh_lineage(OUT origin text, OUT opened bigint, OUT closed bigint, OUT problem text)
RETURNS SETOF record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.origin, r.opened, r.closed, r.problem
      FROM jsonb_to_recordset(dataplat.command('refresh_lineage', '{}')) AS r (origin text, opened bigint, closed bigint, problem text);
$$;
COMMENT ON FUNCTION dataplat.refresh_lineage() IS
    'read lineage off all pipelines, sources, views and functions now; questions do so by themselves when something has changed';

CREATE OR REPLACE FUNCTION dataplat_internal.health_lineage(OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE p.origin WHEN 'function' THEN 'info' ELSE 'warning' END, p.job, 'lineage cannot be read', p.problem,
           'Mend or drop it; lineage shows what was known of it before. It is read again when something changes, or by dataplat.refresh_lineage().'
      FROM dataplat_internal.lineage_problem AS p
     WHERE NOT EXISTS (SELECT FROM dataplat_internal.lineage_stale);
$$;
COMMENT ON FUNCTION dataplat_internal.health_lineage() IS 'health: jobs whose lineage could not be read';
SELECT dataplat_internal.register_health_check('lineage', 'dataplat_internal.health_lineage');

-- ---------------------------------------------------------------- exposures

CREATE OR REPLACE FUNCTION dataplat_internal.command_add_exposure(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kinds CONSTANT text[] := '{dashboard,notebook,analysis,ml,application,report,export}';
    nodes text[];
    known name;
BEGIN
    IF coalesce(a ->> 'name', '') = '' THEN
        RAISE EXCEPTION 'an exposure needs a name' USING ERRCODE = 'invalid_parameter_value';
    ELSIF NOT coalesce((a ->> 'kind') = ANY (kinds), false) THEN
        RAISE EXCEPTION 'invalid kind "%" of an exposure', a ->> 'kind'
            USING ERRCODE = 'invalid_parameter_value', HINT = format('One of: %s.', array_to_string(kinds, ', '));
    ELSIF jsonb_typeof(a -> 'depends_on') IS DISTINCT FROM 'array' OR a -> 'depends_on' = '[]' THEN
        RAISE EXCEPTION 'exposure "%" depends on nothing', a ->> 'name'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the tables, columns or topics that it reads in depends_on.';
    END IF;
    SELECT e.added_by INTO known FROM dataplat.exposure AS e WHERE e.name = a ->> 'name';
    IF FOUND AND NOT dataplat_internal.may_change_exposure(caller, known) THEN
        RAISE EXCEPTION 'must be a member of role "%" to change exposure "%"', known, a ->> 'name' USING ERRCODE = 'insufficient_privilege';
    END IF;
    nodes := ARRAY(SELECT (dataplat_internal.lineage_node(d.node, a ->> 'search_path')).node
                     FROM jsonb_array_elements_text(a -> 'depends_on') WITH ORDINALITY AS d (node, nth) ORDER BY d.nth);
    INSERT INTO dataplat.exposure AS e (name, owner, kind, depends_on, url, description, added_by)
    VALUES (a ->> 'name', a ->> 'owner', a ->> 'kind', nodes, a ->> 'url', a ->> 'description', caller)
        ON CONFLICT ON CONSTRAINT exposure_pkey DO UPDATE
       SET (owner, kind, depends_on, url, description) = (excluded.owner, excluded.kind, excluded.depends_on, excluded.url, excluded.description);
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_add_exposure(name, jsonb) IS 'add_exposure as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat_internal.may_change_exposure(caller name, added_by name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = caller) OR to_regrole(quote_ident(added_by)) IS NULL
           OR pg_has_role(caller, added_by, 'MEMBER');
$$;
COMMENT ON FUNCTION dataplat_internal.may_change_exposure(name, name) IS 'may a role change what another one added?';

CREATE OR REPLACE FUNCTION dataplat_internal.command_drop_exposure(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known name := (SELECT e.added_by FROM dataplat.exposure AS e WHERE e.name = a ->> 'name');
BEGIN
    IF known IS NULL THEN
        RAISE EXCEPTION 'exposure "%" does not exist', a ->> 'name'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.exposure for those that do.';
    ELSIF NOT dataplat_internal.may_change_exposure(caller, known) THEN
        RAISE EXCEPTION 'must be a member of role "%" to drop exposure "%"', known, a ->> 'name' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM dataplat.exposure AS e WHERE e.name = a ->> 'name';
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_drop_exposure(name, jsonb) IS 'drop_exposure as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.add_exposure(name text, owner text, kind text, depends_on text[], url text DEFAULT NULL, description text DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path'))
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('add_exposure', jsonb_build_object('name', name, 'owner', owner, 'kind', kind, 'depends_on', depends_on,
                                                               'url', url, 'description', description, 'search_path', search_path));
$$;
COMMENT ON FUNCTION dataplat.add_exposure(text, text, text, text[], text, text, text) IS
    'say that a dashboard, a report or a model outside of this database reads tables or columns; the same name again replaces it';

CREATE OR REPLACE FUNCTION dataplat.drop_exposure(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT dataplat.command('drop_exposure', jsonb_build_object('name', drop_exposure.name)); $$;
COMMENT ON FUNCTION dataplat.drop_exposure(text) IS 'forget an exposure';

CREATE OR REPLACE FUNCTION dataplat_internal.lineage_of_exposures()
RETURNS SETOF dataplat_internal.lineage_fact
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'exposure:' || e.name, 'exposure:' || e.name, NULL, n.dataset, n.field, 'DIRECT', 'IDENTITY', false, e.kind
      FROM dataplat.exposure AS e
     CROSS JOIN unnest(e.depends_on) AS d (node)
     CROSS JOIN dataplat_internal.split_lineage_node(d.node) AS n;
$$;
COMMENT ON FUNCTION dataplat_internal.lineage_of_exposures() IS 'lineage provider: what exposures read';
SELECT dataplat_internal.register_lineage_provider('exposure', 'dataplat_internal.lineage_of_exposures');

CREATE OR REPLACE TRIGGER exposure_lineage AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON dataplat.exposure
    FOR EACH STATEMENT EXECUTE FUNCTION dataplat_internal.lineage_definition_changed();

-- Does a text mention one of these names?  Rather once too often: a relation is looked for by its name alone.
CREATE OR REPLACE FUNCTION dataplat_internal.mentions_lineage_name(body text, names text[])
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM unnest(names) AS n (name), parse_ident(n.name, false) AS i (parts)
                    WHERE strpos(lower(body), lower(i.parts[cardinality(i.parts)])) > 0);
$$;
COMMENT ON FUNCTION dataplat_internal.mentions_lineage_name(text, text[]) IS 'does a text mention a relation or function of one of these names?';

-- Objects of users: not the server's, not this extension's, not temporary.
CREATE OR REPLACE FUNCTION dataplat_internal.is_lineage_schema(schema_name name)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT schema_name NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'dataplat', 'dataplat_internal') AND schema_name !~ '^pg_(toast_)?temp_'; $$;
COMMENT ON FUNCTION dataplat_internal.is_lineage_schema(name) IS 'do objects of a schema belong to users?';
