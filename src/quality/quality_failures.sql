/*
 * quality: the rows that break an expectation, all of them, as they are now.
 */

CREATE OR REPLACE FUNCTION dataplat_internal.command_unexpected_rows(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    e        dataplat.expectation;
    relation regclass;
    w        dataplat_internal.expectation_work;
    asked    record;
BEGIN
    PERFORM dataplat_internal.follow_datasets();
    SELECT * INTO e FROM dataplat.expectation AS x WHERE x.expectation_id = (a ->> 'expectation_id')::bigint;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'expectation % does not exist', a ->> 'expectation_id'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.expectation.';
    ELSIF coalesce((a ->> 'at_most')::int, 0) < 1 THEN
        RAISE EXCEPTION 'at_most must be 1 or more' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    relation := dataplat_internal.existing_dataset(e.dataset);
    IF relation IS NOT NULL THEN
        PERFORM dataplat_internal.check_may_validate(caller, relation);
    END IF;
    w := (dataplat_internal.compile_work(relation, ARRAY[e]))[1];
    IF w.error IS NULL AND w.class NOT IN ('row', 'group') THEN
        RAISE EXCEPTION '% does not judge rows', e.kind
            USING ERRCODE = 'feature_not_supported', HINT = 'Its result says what was observed: see dataplat.validate().';
    ELSIF w.error IS NULL THEN
        -- With the rights that the rule is judged with.
        asked := dataplat_internal.ask_as(e.owner, dataplat_internal.expectation_search_path(relation),
            format('SELECT coalesce(jsonb_agg(to_jsonb(u) - ''dataplat_expected''), ''[]'') FROM (SELECT * FROM %s LIMIT %s) AS u',
                   dataplat_internal.unexpected_rows(w), (a ->> 'at_most')::int));
        w.error := asked.error;
    END IF;
    IF w.error IS NOT NULL THEN
        RAISE EXCEPTION 'expectation "%" could not be judged: %', e.name, w.error ->> 'exception_message' USING ERRCODE = w.error ->> 'sqlstate';
    END IF;
    RETURN asked.answer;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_unexpected_rows(name, jsonb) IS 'unexpected_rows as the owner of the extension';

CREATE OR REPLACE FUNCTION dataplat.unexpected_rows(expectation_id bigint, at_most int DEFAULT 1000)
RETURNS SETOF jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT r.value FROM jsonb_array_elements(dataplat.command('unexpected_rows', jsonb_build_object(
        'expectation_id', expectation_id, 'at_most', at_most))) AS r;
END;
$$;
COMMENT ON FUNCTION dataplat.unexpected_rows(bigint, int) IS 'the rows of a dataset that break an expectation over rows, as they are now; what dbt stores with store_failures';
