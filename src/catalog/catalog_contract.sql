/*
 * catalog: contracts in the form of the Open Data Contract Standard 3.1.0.
 *
 * A contract is made from what the database and the catalog know.  An
 * imported one is kept as it came, so that what stands nowhere else (support,
 * price, service levels, business names) comes out again.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.register_contract_part(part text, export_function text, import_function text, check_function text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.contract_part AS p (part, export_function, import_function, check_function)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT ON CONSTRAINT contract_part_pkey
        DO UPDATE SET export_function = excluded.export_function, import_function = excluded.import_function, check_function = excluded.check_function;
$$;
COMMENT ON FUNCTION dataplat_internal.register_contract_part(text, text, text, text) IS 'let a room bring its rules to contracts';
REVOKE ALL ON FUNCTION dataplat_internal.register_contract_part(text, text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.logical_type(type text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN t.typcategory = 'A' THEN 'array'
                WHEN t.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'integer'
                WHEN t.typcategory = 'N' THEN 'number'
                WHEN t.typcategory = 'B' THEN 'boolean'
                WHEN t.oid = 'date'::regtype THEN 'date'
                WHEN t.oid IN ('timestamp'::regtype, 'timestamptz'::regtype) THEN 'timestamp'
                WHEN t.oid IN ('time'::regtype, 'timetz'::regtype) THEN 'time'
                WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype) OR t.typcategory = 'C' THEN 'object'
                ELSE 'string' END
      FROM (SELECT CASE WHEN b.typtype = 'd' THEN b.typbasetype ELSE b.oid END AS oid FROM pg_type AS b WHERE b.oid = to_regtype(logical_type.type)) AS base
      JOIN pg_type AS t ON t.oid = base.oid;
$$;
COMMENT ON FUNCTION dataplat_internal.logical_type(text) IS 'the logicalType of ODCS for a type of PostgreSQL; NULL when there is no such type';

-- All that parts bring, by the dataset's column.
CREATE OR REPLACE FUNCTION dataplat_internal.contract_rules(object text, OUT column_name text, OUT rule jsonb)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p dataplat_internal.contract_part;
BEGIN
    FOR p IN SELECT * FROM dataplat_internal.contract_part AS c ORDER BY c.part LOOP
        RETURN QUERY EXECUTE 'SELECT r.column_name, r.rule FROM ' || p.export_function || '($1) AS r' USING object;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.contract_rules(text) IS 'rules of a dataset as elements of quality in ODCS';
REVOKE ALL ON FUNCTION dataplat_internal.contract_rules(text) FROM PUBLIC;

-- The element of a contract's schema that stands for a dataset.
CREATE OR REPLACE FUNCTION dataplat_internal.contract_element(contract jsonb, object text)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e
      FROM jsonb_array_elements(CASE jsonb_typeof(contract -> 'schema') WHEN 'array' THEN contract -> 'schema' ELSE '[]' END) AS e
     WHERE (dataplat_internal.find_object(coalesce(e ->> 'physicalName', e ->> 'name'))).object = contract_element.object
     LIMIT 1;
$$;
COMMENT ON FUNCTION dataplat_internal.contract_element(jsonb, text) IS 'what a contract says of a dataset; NULL when nothing';
REVOKE ALL ON FUNCTION dataplat_internal.contract_element(jsonb, text) FROM PUBLIC;

-- Terms of the glossary, after what others wrote.
CREATE OR REPLACE FUNCTION dataplat_internal.contract_definitions(terms text[], imported jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(coalesce((SELECT jsonb_agg(d ORDER BY i) FROM jsonb_array_elements(CASE jsonb_typeof(imported) WHEN 'array' THEN imported ELSE '[]' END) WITH ORDINALITY AS e (d, i)
                             WHERE d ->> 'url' NOT LIKE 'glossary:%'), '[]')
                  || coalesce((SELECT jsonb_agg(jsonb_build_object('url', 'glossary:' || t, 'type', 'glossaryTerm') ORDER BY t COLLATE "C") FROM unnest(terms) AS t), '[]'), '[]');
$$;
COMMENT ON FUNCTION dataplat_internal.contract_definitions(text[], jsonb) IS 'authoritativeDefinitions of ODCS; NULL when there are none';

CREATE OR REPLACE FUNCTION dataplat_internal.contract_properties(o dataplat_internal.catalog_object, imported jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(
               coalesce((SELECT p - '{name,physicalType,required,unique,primaryKey,primaryKeyPosition,description,tags,classification,quality,authoritativeDefinitions}'::text[]
                           FROM jsonb_array_elements(imported -> 'properties') AS p WHERE p ->> 'name' = c.name LIMIT 1), '{}')
               || jsonb_strip_nulls(jsonb_build_object(
                   'name', c.name, 'logicalType', dataplat_internal.logical_type(c.type), 'physicalType', c.type, 'required', NOT c.nullable,
                   'unique', CASE WHEN c.is_unique THEN true END,
                   'primaryKey', CASE WHEN c.key_place IS NOT NULL THEN true END, 'primaryKeyPosition', c.key_place, 'description', c.description,
                   'tags', CASE WHEN c.tags <> '{}' THEN to_jsonb(c.tags) END, 'classification', c.classification,
                   'authoritativeDefinitions', dataplat_internal.contract_definitions(c.terms,
                       (SELECT p -> 'authoritativeDefinitions' FROM jsonb_array_elements(imported -> 'properties') AS p WHERE p ->> 'name' = c.name LIMIT 1)),
                   'quality', (SELECT jsonb_agg(r.rule ORDER BY r.rule ->> 'name', r.rule) FROM dataplat_internal.contract_rules((o).object) AS r WHERE r.column_name = c.name)))
               ORDER BY c.place), '[]')
      FROM dataplat_internal.column_rows((o).relation, (o).object) AS c;
$$;
COMMENT ON FUNCTION dataplat_internal.contract_properties(dataplat_internal.catalog_object, jsonb) IS 'the columns of a dataset as properties of ODCS, with what was imported and stands nowhere else';
REVOKE ALL ON FUNCTION dataplat_internal.contract_properties(dataplat_internal.catalog_object, jsonb) FROM PUBLIC;

-- SECURITY DEFINER: it reads private tables; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.export_contract(dataset text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o        dataplat_internal.catalog_object := dataplat_internal.object_of(dataset);
    d        record;
    imported jsonb;
    element  jsonb;
    schema_name text;
BEGIN
    PERFORM dataplat_internal.check_whole(o);
    IF o.relation IS NULL THEN
        RAISE EXCEPTION '% "%" has no contract', o.kind, o.object
            USING ERRCODE = 'wrong_object_type', HINT = 'Contracts are made of tables and views.';
    END IF;
    SELECT * INTO d FROM dataplat_internal.dataset_rows(o.object) AS r WHERE r.object = o.object;
    imported := coalesce((SELECT n.contract FROM dataplat_internal.dataset_note AS n WHERE n.object = o.object), '{}');
    element := coalesce(dataplat_internal.contract_element(imported, o.object), '{}');
    schema_name := (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = o.relation);

    RETURN (imported - '{schema,servers,team,roles,tags,domain,dataProduct,apiVersion,kind}'::text[]) || jsonb_strip_nulls(jsonb_build_object(
        'apiVersion', 'v3.1.0', 'kind', 'DataContract',
        'id', coalesce(imported ->> 'id', md5(format('dataplat:%s:%s', current_database(), o.object))::uuid::text),
        'name', coalesce(imported ->> 'name', o.object), 'version', coalesce(imported ->> 'version', '1.0.0'),
        'status', CASE WHEN d.deprecated_at IS NOT NULL THEN 'deprecated' ELSE coalesce(nullif(imported ->> 'status', 'deprecated'), 'active') END,
        'domain', d.domain, 'dataProduct', d.products[1], 'tags', CASE WHEN d.tags <> '{}' THEN to_jsonb(d.tags) END,
        'description', nullif(coalesce(CASE jsonb_typeof(imported -> 'description') WHEN 'object' THEN imported -> 'description' END, '{}')
                              || jsonb_strip_nulls(jsonb_build_object('purpose', d.description)), '{}'),
        'servers', jsonb_build_array(jsonb_build_object('server', 'dataplat', 'type', 'postgres', 'host', coalesce(host(inet_server_addr()), 'localhost'),
                       'port', coalesce(inet_server_port(), current_setting('port')::int), 'database', current_database(), 'schema', schema_name)),
        'schema', jsonb_build_array(
            (element - '{name,physicalName,physicalType,logicalType,description,tags,properties,quality,authoritativeDefinitions}'::text[]) || jsonb_strip_nulls(jsonb_build_object(
                'name', coalesce(element ->> 'name', (SELECT c.relname FROM pg_class AS c WHERE c.oid = o.relation)), 'physicalName', o.object, 'logicalType', 'object',
                'physicalType', CASE WHEN o.kind = 'partitioned table' THEN 'table' ELSE o.kind END, 'description', d.description,
                'tags', CASE WHEN d.tags <> '{}' THEN to_jsonb(d.tags) END,
                'authoritativeDefinitions', dataplat_internal.contract_definitions(d.terms, element -> 'authoritativeDefinitions'),
                'quality', (SELECT jsonb_agg(r.rule ORDER BY r.rule ->> 'name', r.rule) FROM dataplat_internal.contract_rules(o.object) AS r WHERE r.column_name IS NULL),
                'properties', dataplat_internal.contract_properties(o, element)))),
        'team', (SELECT jsonb_build_object('members', jsonb_agg(jsonb_build_object('username', w.owner, 'role', w.ownership_type) ORDER BY w.ownership_type, w.owner))
                   FROM dataplat.dataset_owner AS w WHERE w.object = o.object HAVING count(*) > 0),
        'roles', (SELECT jsonb_agg(jsonb_build_object('role', g.role, 'access', g.access) ORDER BY g.role)
                    FROM (SELECT coalesce(r.rolname, 'PUBLIC')::text AS role, string_agg(DISTINCT x.privilege_type, ', ' ORDER BY x.privilege_type) AS access
                            FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS x LEFT JOIN pg_roles AS r ON r.oid = x.grantee
                           WHERE c.oid = o.relation AND x.grantee <> c.relowner GROUP BY 1) AS g),
        'customProperties', (SELECT nullif(jsonb_agg(p.p ORDER BY p.p ->> 'property'), '[]')
                               FROM (SELECT i AS p FROM jsonb_array_elements(CASE jsonb_typeof(imported -> 'customProperties') WHEN 'array' THEN imported -> 'customProperties' ELSE '[]' END) AS i
                                      WHERE i ->> 'property' NOT IN ('layer', 'deprecationReason', 'useInstead')
                                     UNION ALL SELECT jsonb_build_object('property', v.property, 'value', v.value)
                                       FROM (VALUES ('layer', d.layer), ('deprecationReason', d.deprecation), ('useInstead', d.use_instead)) AS v (property, value)
                                      WHERE v.value IS NOT NULL) AS p)));
END;
$$;
COMMENT ON FUNCTION dataplat.export_contract(text) IS 'the contract of a dataset, after the Open Data Contract Standard 3.1.0: columns, keys, meaning, owners, grants and expectations';
REVOKE ALL ON FUNCTION dataplat.export_contract(text) FROM PUBLIC;

-- ------------------------------------------------------------------ import

CREATE OR REPLACE FUNCTION dataplat_internal.check_contract_shape(contract jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    k text;
BEGIN
    IF jsonb_typeof(contract) IS DISTINCT FROM 'object' OR contract ->> 'kind' IS DISTINCT FROM 'DataContract' THEN
        RAISE EXCEPTION 'this is no data contract'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A contract of the Open Data Contract Standard is an object with "kind": "DataContract".';
    END IF;
    IF coalesce(contract ->> 'apiVersion', '') !~ '^v3\.[01]\.' THEN
        RAISE EXCEPTION 'contracts of version "%" cannot be read', contract ->> 'apiVersion'
            USING ERRCODE = 'feature_not_supported', HINT = 'Versions 3.0 and 3.1 of the Open Data Contract Standard can.';
    END IF;
    FOREACH k IN ARRAY '{version,id,status}'::text[] LOOP
        IF jsonb_typeof(contract -> k) IS DISTINCT FROM 'string' THEN
            RAISE EXCEPTION 'the contract has no "%"', k USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    IF jsonb_typeof(contract -> 'schema') IS DISTINCT FROM 'array' OR contract -> 'schema' = '[]' THEN
        RAISE EXCEPTION 'the contract names no dataset'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Its "schema" is an array with an element for each dataset.';
    END IF;
    PERFORM 1 FROM jsonb_array_elements(contract -> 'schema') AS e
      WHERE jsonb_typeof(e -> 'name') IS DISTINCT FROM 'string' OR jsonb_typeof(coalesce(e -> 'properties', '[]')) <> 'array';
    IF FOUND THEN
        RAISE EXCEPTION 'an element of the contract''s schema has no name, or its properties are no array' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_contract_shape(jsonb) IS 'fail unless this can be read as a contract of ODCS 3';
REVOKE ALL ON FUNCTION dataplat_internal.check_contract_shape(jsonb) FROM PUBLIC;

-- Only what reads as the name of a type comes into the statement as it is.
CREATE OR REPLACE FUNCTION dataplat_internal.create_contract_table(caller name, object text, element jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts text[] := parse_ident(object);
    p     jsonb;
    column_list text;
    key   text;
BEGIN
    IF cardinality(parts) <> 2 THEN
        RAISE EXCEPTION 'cannot create "%"', object
            USING ERRCODE = 'invalid_name', HINT = 'Give the element a physicalName of schema.table.';
    END IF;
    FOR p IN SELECT e FROM jsonb_array_elements(element -> 'properties') AS e LOOP
        IF p ->> 'physicalType' IS NULL OR to_regtype(p ->> 'physicalType') IS NULL THEN
            RAISE EXCEPTION 'property "%" has no physicalType that is a type of PostgreSQL', p ->> 'name' USING ERRCODE = 'undefined_object';
        END IF;
    END LOOP;
    SELECT string_agg(format('%I %s%s', e ->> 'name', e ->> 'physicalType', CASE WHEN (e ->> 'required')::boolean THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY i),
           string_agg(format('%I', e ->> 'name'), ', ' ORDER BY (e ->> 'primaryKeyPosition')::int, i) FILTER (WHERE (e ->> 'primaryKey')::boolean)
      INTO column_list, key
      FROM jsonb_array_elements(element -> 'properties') WITH ORDINALITY AS x (e, i);
    PERFORM dataplat_internal.execute_as(caller, format('CREATE TABLE %I.%I (%s%s)', parts[1], parts[2], column_list, coalesce(', PRIMARY KEY (' || key || ')', '')));
END;
$$;
COMMENT ON FUNCTION dataplat_internal.create_contract_table(name, text, jsonb) IS 'make the table of an element of a contract, as the caller';
REVOKE ALL ON FUNCTION dataplat_internal.create_contract_table(name, text, jsonb) FROM PUBLIC;

-- What a contract says of a dataset or a column that set_description() and its like can say.
CREATE OR REPLACE FUNCTION dataplat_internal.import_words(caller name, object text, element jsonb)
RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    word text;
BEGIN
    IF element ->> 'description' IS NOT NULL THEN
        PERFORM dataplat_internal.command_set_description(caller, jsonb_build_object('object', object, 'description', element ->> 'description'));
        RETURN NEXT 'described';
    END IF;
    FOR word IN SELECT DISTINCT t FROM jsonb_array_elements_text(coalesce(element -> 'tags', '[]')) AS t ORDER BY t LOOP
        PERFORM dataplat_internal.command_add_tag(caller, jsonb_build_object('object', object, 'tag', word));
        RETURN NEXT format('tagged %s', word);
    END LOOP;
    FOR word IN SELECT substr(t ->> 'url', 10) FROM jsonb_array_elements(coalesce(element -> 'authoritativeDefinitions', '[]')) AS t
                 WHERE t ->> 'url' LIKE 'glossary:%' AND EXISTS (SELECT FROM dataplat.glossary_term AS g WHERE g.fqn = substr(t ->> 'url', 10)) LOOP
        PERFORM dataplat_internal.command_assign_term(caller, jsonb_build_object('object', object, 'term', word));
        RETURN NEXT format('has the term %s', word);
    END LOOP;
    IF element ->> 'classification' IS NOT NULL THEN
        PERFORM dataplat_internal.command_set_classification(caller, jsonb_build_object('object', object, 'classification', element ->> 'classification'));
        RETURN NEXT format('classified %s', element ->> 'classification');
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_words(name, text, jsonb) IS 'descriptions, tags, terms and classification out of a contract';
REVOKE ALL ON FUNCTION dataplat_internal.import_words(name, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.import_rules(caller name, o dataplat_internal.catalog_object, column_name text, rules jsonb)
RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p    dataplat_internal.contract_part;
    rule jsonb;
    done text;
BEGIN
    FOR rule IN SELECT r FROM jsonb_array_elements(CASE jsonb_typeof(rules) WHEN 'array' THEN rules ELSE '[]' END) AS r LOOP
        FOR p IN SELECT * FROM dataplat_internal.contract_part AS c ORDER BY c.part LOOP
            EXECUTE 'SELECT ' || p.import_function || '($1, $2, $3, $4)' INTO done USING caller, o.relation, column_name, rule;
            IF done IS NOT NULL THEN
                RETURN NEXT done;
            END IF;
        END LOOP;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_rules(name, dataplat_internal.catalog_object, text, jsonb) IS 'quality rules out of a contract, by the rooms that know them';
REVOKE ALL ON FUNCTION dataplat_internal.import_rules(name, dataplat_internal.catalog_object, text, jsonb) FROM PUBLIC;

-- One element of a contract's schema: returns [{"object", "action"}].
CREATE OR REPLACE FUNCTION dataplat_internal.import_element(caller name, contract jsonb, element jsonb, create_tables boolean)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written text := coalesce(element ->> 'physicalName', element ->> 'name');
    o       dataplat_internal.catalog_object := dataplat_internal.find_object(written);
    done    jsonb := '[]';
    member  jsonb;
    p       jsonb;
    column_object text;
BEGIN
    IF o.object IS NULL AND create_tables THEN
        PERFORM dataplat_internal.create_contract_table(caller, written, element);
        done := done || jsonb_build_object('object', written, 'action', 'created');
    END IF;
    o := dataplat_internal.object_to_note(caller, written);
    PERFORM dataplat_internal.check_whole(o);
    INSERT INTO dataplat_internal.dataset_note AS n (object, contract, changed_by) VALUES (o.object, contract, caller)
        ON CONFLICT ON CONSTRAINT dataset_note_pkey DO UPDATE SET contract = excluded.contract, changed_by = excluded.changed_by, changed_at = now();

    SELECT done || coalesce(jsonb_agg(jsonb_build_object('object', o.object, 'action', w)), '[]') INTO done
      FROM dataplat_internal.import_words(caller, o.object,
               element || jsonb_build_object('tags', coalesce(element -> 'tags', '[]') || coalesce(contract -> 'tags', '[]'),
                                             'description', coalesce(element ->> 'description', contract #>> '{description,purpose}'))) AS w;
    FOR member IN SELECT m FROM jsonb_array_elements(CASE jsonb_typeof(contract -> 'team') WHEN 'array' THEN contract -> 'team'
                                                     ELSE coalesce(contract #> '{team,members}', '[]') END) AS m WHERE m ->> 'dateOut' IS NULL LOOP
        PERFORM dataplat_internal.command_set_owner(caller, jsonb_build_object('object', o.object, 'owner', member ->> 'username',
                    'ownership_type', coalesce(member ->> 'role', 'technical owner')));
        done := done || jsonb_build_object('object', o.object, 'action', format('owner %s', member ->> 'username'));
    END LOOP;
    IF contract ->> 'domain' IS NOT NULL THEN
        INSERT INTO dataplat.domain (name, changed_by) VALUES (contract ->> 'domain', caller) ON CONFLICT DO NOTHING;
        PERFORM dataplat_internal.command_set_domain(caller, jsonb_build_object('object', o.object, 'domain', contract ->> 'domain'));
        done := done || jsonb_build_object('object', o.object, 'action', format('in domain %s', contract ->> 'domain'));
    END IF;
    IF contract ->> 'dataProduct' IS NOT NULL THEN
        INSERT INTO dataplat.data_product (name, changed_by) VALUES (contract ->> 'dataProduct', caller) ON CONFLICT DO NOTHING;
        INSERT INTO dataplat.data_product_dataset (product, object) VALUES (contract ->> 'dataProduct', o.object) ON CONFLICT DO NOTHING;
        done := done || jsonb_build_object('object', o.object, 'action', format('in data product %s', contract ->> 'dataProduct'));
    END IF;
    SELECT done || coalesce(jsonb_agg(jsonb_build_object('object', o.object, 'action', w)), '[]') INTO done
      FROM dataplat_internal.import_rules(caller, o, NULL, element -> 'quality') AS w;

    FOR p IN SELECT e FROM jsonb_array_elements(coalesce(element -> 'properties', '[]')) AS e LOOP
        column_object := format('%s.%I', o.object, coalesce(p ->> 'physicalName', p ->> 'name'));
        IF (dataplat_internal.find_object(column_object)).object IS NULL THEN
            done := done || jsonb_build_object('object', column_object, 'action', 'is missing');
            CONTINUE;
        END IF;
        SELECT done || coalesce(jsonb_agg(jsonb_build_object('object', column_object, 'action', w)), '[]') INTO done
          FROM (SELECT w FROM dataplat_internal.import_words(caller, column_object, p) AS w
                UNION ALL SELECT w FROM dataplat_internal.import_rules(caller, o, coalesce(p ->> 'physicalName', p ->> 'name'), p -> 'quality') AS w) AS words;
    END LOOP;
    PERFORM dataplat_internal.note_documents(o.object);
    RETURN done;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.import_element(name, jsonb, jsonb, boolean) IS 'take over what a contract says of one dataset';
REVOKE ALL ON FUNCTION dataplat_internal.import_element(name, jsonb, jsonb, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_import_contract(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    done    jsonb := '[]';
    element jsonb;
BEGIN
    PERFORM dataplat_internal.check_contract_shape(a -> 'contract');
    FOR element IN SELECT e FROM jsonb_array_elements(a #> '{contract,schema}') AS e LOOP
        done := done || dataplat_internal.import_element(caller, a -> 'contract', element, (a ->> 'create_tables')::boolean);
    END LOOP;
    RETURN done;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_import_contract(name, jsonb) IS 'import_contract as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_import_contract(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.import_contract(contract jsonb, create_tables boolean DEFAULT false, OUT object text, OUT action text)
RETURNS SETOF record
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d ->> 'object', d ->> 'action'
      FROM jsonb_array_elements(dataplat.command('import_contract', jsonb_build_object('contract', import_contract.contract,
               'create_tables', coalesce(import_contract.create_tables, false)))) WITH ORDINALITY AS e (d, i)
     ORDER BY i;
$$;
COMMENT ON FUNCTION dataplat.import_contract(jsonb, boolean) IS
    'take over a contract of ODCS 3: descriptions, owners, tags, domain, product, classification, expectations; tables are made only with create_tables; returns what was done';
REVOKE ALL ON FUNCTION dataplat.import_contract(jsonb, boolean) FROM PUBLIC;

-- ------------------------------------------------------------------ check

-- What is promised of freshness: ODCS writes value and unit.
CREATE OR REPLACE FUNCTION dataplat_internal.sla_interval(sla jsonb)
RETURNS interval
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (CASE WHEN sla ->> 'unit' IS NULL THEN sla ->> 'value'
                 ELSE format('%s %s', sla ->> 'value', CASE lower(sla ->> 'unit') WHEN 'd' THEN 'days' WHEN 'h' THEN 'hours' WHEN 'm' THEN 'minutes' WHEN 'min' THEN 'minutes'
                                                       WHEN 's' THEN 'seconds' WHEN 'y' THEN 'years' WHEN 'w' THEN 'weeks' ELSE sla ->> 'unit' END) END)::interval;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.sla_interval(jsonb) IS 'value and unit of a service level as an interval; NULL when they are none';

CREATE OR REPLACE FUNCTION dataplat_internal.element_violations(contract jsonb, element jsonb, OUT object text, OUT column_name text, OUT rule text, OUT problem text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o      dataplat_internal.catalog_object := dataplat_internal.find_object(coalesce(element ->> 'physicalName', element ->> 'name'));
    p      dataplat_internal.contract_part;
    d      record;
BEGIN
    IF o.object IS NULL OR o.relation IS NULL THEN
        RETURN QUERY SELECT coalesce(element ->> 'physicalName', element ->> 'name'), NULL::text, 'exists', 'there is no such dataset';
        RETURN;
    END IF;
    RETURN QUERY
    WITH promised AS (
        SELECT coalesce(e ->> 'physicalName', e ->> 'name') AS name, e FROM jsonb_array_elements(coalesce(element -> 'properties', '[]')) AS e
    ), here AS (
        SELECT c.* FROM dataplat_internal.column_rows(o.relation, o.object) AS c
    )
    SELECT o.object, coalesce(w.name, h.name), v.rule, v.problem
      FROM promised AS w FULL JOIN here AS h ON h.name = w.name
     CROSS JOIN LATERAL (VALUES
           (1, 'columns', CASE WHEN h.name IS NULL THEN 'the column is missing' WHEN w.name IS NULL THEN 'the contract does not know the column' END),
           (2, 'physicalType', CASE WHEN h.name IS NOT NULL AND to_regtype(w.e ->> 'physicalType') IS DISTINCT FROM NULL
                                     AND dataplat_internal.same_type(w.e ->> 'physicalType', h.type) IS FALSE THEN format('is %s, not %s', h.type, w.e ->> 'physicalType') END),
           (3, 'logicalType', CASE WHEN h.name IS NOT NULL AND w.e ->> 'logicalType' <> dataplat_internal.logical_type(h.type)
                                   THEN format('is %s (%s), not %s', dataplat_internal.logical_type(h.type), h.type, w.e ->> 'logicalType') END),
           (4, 'required', CASE WHEN (w.e ->> 'required')::boolean AND h.nullable THEN 'may be NULL' END),
           (5, 'primaryKey', CASE WHEN (w.e ->> 'primaryKey')::boolean AND h.name IS NOT NULL AND h.key_place IS NULL THEN 'is not in the primary key' END),
           (6, 'unique', CASE WHEN (w.e ->> 'unique')::boolean AND h.name IS NOT NULL AND NOT h.is_unique THEN 'nothing keeps it unique' END)) AS v (place, rule, problem)
     WHERE v.problem IS NOT NULL
     ORDER BY coalesce(h.place, 0), coalesce(w.name, h.name), v.place;
    FOR p IN SELECT * FROM dataplat_internal.contract_part AS c ORDER BY c.part LOOP
        RETURN QUERY EXECUTE 'SELECT $1, r.column_name, $2, r.problem FROM ' || p.check_function || '($1) AS r' USING o.object, p.part;
    END LOOP;
    SELECT r.loaded_at, r.current_at INTO d FROM dataplat_internal.dataset_rows(o.object) AS r WHERE r.object = o.object;
    RETURN QUERY
    SELECT o.object, NULL::text, s ->> 'property',
           CASE WHEN coalesce(d.current_at, d.loaded_at) IS NULL THEN 'nobody knows how fresh it is'
                ELSE format('complete up to %s, which is more than %s ago', date_trunc('second', coalesce(d.current_at, d.loaded_at)), dataplat_internal.sla_interval(s)) END
      FROM jsonb_array_elements(CASE jsonb_typeof(contract -> 'slaProperties') WHEN 'array' THEN contract -> 'slaProperties' ELSE '[]' END) AS s
     WHERE lower(s ->> 'property') IN ('freshness', 'latency') AND dataplat_internal.sla_interval(s) IS NOT NULL
       AND coalesce(coalesce(d.current_at, d.loaded_at) < clock_timestamp() - dataplat_internal.sla_interval(s), true);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.element_violations(jsonb, jsonb) IS 'where a dataset is not as a contract promises';
REVOKE ALL ON FUNCTION dataplat_internal.element_violations(jsonb, jsonb) FROM PUBLIC;

-- Length and precision count when the contract gives them.
CREATE OR REPLACE FUNCTION dataplat_internal.same_type(promised text, found text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_regtype(promised) = to_regtype(found)
       AND (substring(promised FROM '\([^)]*\)') IS NULL
            OR replace(substring(promised FROM '\([^)]*\)'), ' ', '') = replace(coalesce(substring(found FROM '\([^)]*\)'), ''), ' ', ''));
$$;
COMMENT ON FUNCTION dataplat_internal.same_type(text, text) IS 'do two names mean the same type?';

-- SECURITY DEFINER: it reads private tables; who may ask is decided by
-- EXECUTE on this function.
CREATE OR REPLACE FUNCTION dataplat.check_contract(contract jsonb, OUT object text, OUT column_name text, OUT rule text, OUT problem text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM dataplat_internal.check_contract_shape(contract);
    RETURN QUERY SELECT v.* FROM jsonb_array_elements(contract -> 'schema') WITH ORDINALITY AS e (element, i)
                   CROSS JOIN LATERAL dataplat_internal.element_violations(contract, e.element) AS v ORDER BY e.i;
END;
$$;
COMMENT ON FUNCTION dataplat.check_contract(jsonb) IS
    'where the datasets of a contract are not as it promises: missing or unknown columns, types, NULLs, keys, failing expectations, staleness; no rows when all is well';
REVOKE ALL ON FUNCTION dataplat.check_contract(jsonb) FROM PUBLIC;

-- SECURITY DEFINER: as the other one.
CREATE OR REPLACE FUNCTION dataplat.check_contract(dataset text, OUT object text, OUT column_name text, OUT rule text, OUT problem text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    o        dataplat_internal.catalog_object := dataplat_internal.object_of(dataset);
    imported jsonb := (SELECT n.contract FROM dataplat_internal.dataset_note AS n WHERE n.object = o.object);
BEGIN
    IF imported IS NULL THEN
        RAISE EXCEPTION 'no contract of "%" has been imported', o.object
            USING ERRCODE = 'undefined_object', HINT = 'Import one with dataplat.import_contract(), or pass the contract itself as jsonb.';
    END IF;
    RETURN QUERY SELECT v.* FROM dataplat_internal.element_violations(imported, dataplat_internal.contract_element(imported, o.object)) AS v;
END;
$$;
COMMENT ON FUNCTION dataplat.check_contract(text) IS 'where a dataset is not as its imported contract promises; no rows when all is well';
REVOKE ALL ON FUNCTION dataplat.check_contract(text) FROM PUBLIC;
