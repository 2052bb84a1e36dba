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

-- ------------------------------------------------------------------ commands and rights

-- The door between users and private tables; rights.c says why it is not SECURITY DEFINER.
CREATE OR REPLACE FUNCTION dataplat.command(verb text, arguments jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_command';
COMMENT ON FUNCTION dataplat.command(text, jsonb) IS
    'run a command of the extension as the calling user; the functions with proper names call it';

CREATE OR REPLACE FUNCTION dataplat_internal.execute_as(role name, statement text)
RETURNS bigint
LANGUAGE c VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_execute_as';
COMMENT ON FUNCTION dataplat_internal.execute_as(name, text) IS
    'run a statement with the rights of a role, security restricted';
REVOKE ALL ON FUNCTION dataplat.command(text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION dataplat_internal.execute_as(name, text) FROM PUBLIC;

-- Fail with the list of right values.
CREATE OR REPLACE FUNCTION dataplat_internal.check_choice(argument text, value text, allowed text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL OR NOT value = ANY (allowed) THEN
        RAISE EXCEPTION 'invalid % "%"', argument, value
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('One of: %s.', array_to_string(allowed, ', '));
    END IF;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.check_choice(text, text, text[]) IS 'fail unless the value is one of a list';
REVOKE ALL ON FUNCTION dataplat_internal.check_choice(text, text, text[]) FROM PUBLIC;

-- A role of setup_roles(), or of PostgreSQL, that may not exist.
CREATE OR REPLACE FUNCTION dataplat_internal.is_member(role name, of_role text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT pg_has_role(role, r.oid, 'MEMBER') FROM pg_roles AS r WHERE r.rolname = of_role),
                    (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = role), false);
$$;
COMMENT ON FUNCTION dataplat_internal.is_member(name, text) IS 'membership in a role that may not exist; superusers are members of those, too';
