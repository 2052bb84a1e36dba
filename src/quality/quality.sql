-- quality: the kinds of expectations.

-- Make a kind known, or change what is known of it.
CREATE OR REPLACE FUNCTION dataplat_internal.register_expectation_kind(
    kind text, class text, arguments jsonb, dimension text, compile_function text, description text,
    judge_function text DEFAULT NULL, aliases text[] DEFAULT '{}')
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO dataplat_internal.expectation_kind AS k (kind, class, arguments, aliases, dimension, compile_function, judge_function, description)
    VALUES ($1, $2, $3, $8, $4, $5, $7, $6)
        ON CONFLICT (kind) DO UPDATE
       SET class = excluded.class, arguments = excluded.arguments, aliases = excluded.aliases, dimension = excluded.dimension,
           compile_function = excluded.compile_function, judge_function = excluded.judge_function, description = excluded.description
     WHERE (k.class, k.arguments, k.aliases, k.dimension, k.compile_function, k.judge_function, k.description)
           IS DISTINCT FROM (excluded.class, excluded.arguments, excluded.aliases, excluded.dimension, excluded.compile_function, excluded.judge_function, excluded.description);
$$;
COMMENT ON FUNCTION dataplat_internal.register_expectation_kind(text, text, jsonb, text, text, text, text, text[]) IS 'make a kind of expectations known';
REVOKE ALL ON FUNCTION dataplat_internal.register_expectation_kind(text, text, jsonb, text, text, text, text, text[]) FROM PUBLIC;
