/*
 * common: the SQL side of the ground floor.
 */
CREATE OR REPLACE FUNCTION dataplat_internal.host_refusal(host text, address inet, allow_loopback boolean DEFAULT false,
                                                          allowed_hosts text DEFAULT NULL, denied_networks text DEFAULT NULL)
RETURNS text
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_host_refusal';
COMMENT ON FUNCTION dataplat_internal.host_refusal(text, inet, boolean, text, text)
    IS 'why the connect guard refuses this host and address, or NULL when it allows them; lists left out come from the settings';
REVOKE ALL ON FUNCTION dataplat_internal.host_refusal(text, inet, boolean, text, text) FROM PUBLIC;
