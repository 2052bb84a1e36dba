-- lineage: what the providers say, kept with the time it held.

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
COMMENT ON FUNCTION dataplat_internal.register_lineage_provider(text, text) IS 'let a room say which edges of lineage hold';
REVOKE ALL ON FUNCTION dataplat_internal.register_lineage_provider(text, text) FROM PUBLIC;
