/*
 * registry: the schemas of a producer's repository, judged before they are merged.
 */

-- Directory names and version marks are left out: schemas/orders-value.v2.avsc is orders-value.
CREATE OR REPLACE FUNCTION dataplat_internal.subject_of_file(path text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT regexp_replace(regexp_replace(path, '^.*/', ''), '(\.v\d+)?(\.schema)?\.(avsc|avro|proto|json|jsonschema)$', ''); $$;
COMMENT ON FUNCTION dataplat_internal.subject_of_file(text) IS 'subject that a schema file is for, by its name';

CREATE OR REPLACE FUNCTION dataplat_internal.type_of_file(path text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN path LIKE '%.proto' THEN 'PROTOBUF' WHEN path LIKE '%.avsc' OR path LIKE '%.avro' THEN 'AVRO' ELSE 'JSON' END; $$;
COMMENT ON FUNCTION dataplat_internal.type_of_file(text) IS 'type of a schema file, by its name';

-- Files may refer to each other: {"name", "path"} in refs is a file of the same
-- list, used as it stands there.
CREATE OR REPLACE FUNCTION dataplat_internal.refs_of_file(file jsonb, files jsonb, subject text, depth int DEFAULT 0)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r      jsonb;
    other  jsonb;
    result jsonb := '[]';
BEGIN
    IF depth > 100 THEN
        PERFORM dataplat_internal.registry_fail(42201, 'files refer to each other in a circle');
    END IF;
    FOR r IN SELECT e FROM jsonb_array_elements(coalesce(NULLIF(file -> 'refs', 'null'), '[]')) WITH ORDINALITY AS x (e, nth) ORDER BY x.nth LOOP
        IF r ? 'path' THEN
            SELECT f INTO other FROM jsonb_array_elements(files) AS f WHERE f ->> 'path' = r ->> 'path' LIMIT 1;
            IF other IS NULL THEN
                PERFORM dataplat_internal.registry_fail(42201, format('no file "%s" for reference "%s"', left(r ->> 'path', 200), left(r ->> 'name', 200)));
            END IF;
            result := result || dataplat_internal.refs_of_file(other, files, subject, depth + 1)
                             || jsonb_build_array(jsonb_build_object('name', r -> 'name', 'schema', other -> 'schema'));
        ELSE
            result := result || dataplat_internal.check_references(jsonb_build_array(r), subject);
        END IF;
    END LOOP;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.refs_of_file(jsonb, jsonb, text, int) IS 'references of a file, those to other files with their texts';

-- One file: what it is to its subject, and what speaks against it.
CREATE OR REPLACE FUNCTION dataplat_internal.check_schema_file(file jsonb, files jsonb, OUT subject text, OUT status text, OUT version int, OUT messages text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    config  dataplat.registry_config;
    kind    text;
    refs    jsonb;
    c       record;
    printed text;
    detail  text;
BEGIN
    messages := '{}';
    BEGIN
        subject := coalesce(NULLIF(file ->> 'subject', ''), dataplat_internal.subject_of_file(file ->> 'path'));
        subject := dataplat_internal.follow_alias(dataplat_internal.check_subject(subject));
        config := dataplat_internal.config_in_scope(subject);
        kind := dataplat_internal.check_schema_type(coalesce(file ->> 'schema_type', dataplat_internal.type_of_file(file ->> 'path')));
        PERFORM dataplat_internal.check_schema_size(file ->> 'schema');
        refs := dataplat_internal.refs_of_file(file, files, subject);
        SELECT x.names, x.texts INTO c FROM dataplat_internal.closure_of(refs, subject) AS x;
        printed := dataplat_internal.print_schema(kind, coalesce(file ->> 'schema', ''), c.names, c.texts, coalesce(config.normalize, false));
    EXCEPTION WHEN invalid_parameter_value OR invalid_name OR program_limit_exceeded THEN
        GET STACKED DIAGNOSTICS printed = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        status := 'invalid';
        messages := ARRAY[concat_ws('. ', printed, NULLIF(regexp_replace(detail, '^error_code=\d+\n?', ''), ''))];
        RETURN;
    END;

    SELECT v.version INTO version
      FROM dataplat.schema_version AS v
      JOIN dataplat.schema_content AS x ON x.context = v.context AND x.id = v.id
     WHERE v.subject = check_schema_file.subject AND NOT v.deleted AND x.schema_type = kind AND x.schema = printed
     ORDER BY v.version DESC LIMIT 1;
    IF FOUND THEN
        status := 'registered';
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM dataplat.schema_version AS v WHERE v.subject = check_schema_file.subject AND NOT v.deleted) THEN
        status := 'new subject';
        RETURN;
    END IF;
    messages := dataplat_internal.incompatibilities(subject, kind, printed, c.names, c.texts, NULLIF(file -> 'metadata', 'null'), config, NULL);
    status := CASE WHEN cardinality(messages) = 0 THEN 'compatible' ELSE 'incompatible' END;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_schema_file(jsonb, jsonb) IS 'what one schema file is to its subject';

-- SECURITY DEFINER: schemas are not for everybody; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.check_schema_files(files jsonb, OUT path text, OUT subject text, OUT status text, OUT version int, OUT messages text[])
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(files) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(files) AS f WHERE jsonb_typeof(f) <> 'object' OR NOT f ? 'path' OR NOT f ? 'schema') THEN
        RAISE EXCEPTION 'files must be an array of {"path", "schema"}'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Each may have "subject", "schema_type" and "refs", too.';
    END IF;
    RETURN QUERY
    SELECT f.e ->> 'path', c.subject, c.status, c.version, c.messages
      FROM jsonb_array_elements(files) WITH ORDINALITY AS f (e, nth)
     CROSS JOIN LATERAL dataplat_internal.check_schema_file(f.e, files) AS c
     WHERE coalesce(f.e ->> 'check', 'true') <> 'false'
     ORDER BY f.nth;
END;
$$;
COMMENT ON FUNCTION dataplat.check_schema_files(jsonb) IS
    'judge schema files without registering them; files: array of {"path", "schema"}, and if wanted "subject" (else by the name of the file), "schema_type", "refs"; status: registered, compatible, new subject, incompatible or invalid';
