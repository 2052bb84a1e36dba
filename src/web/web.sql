/*
 * web: tokens of HTTP clients.
 */

-- ------------------------------------------------------------------ create

-- Since 16 a member may be one without being able to SET ROLE.
CREATE OR REPLACE FUNCTION dataplat_internal.can_become(member name, role name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_roles AS r
                    WHERE r.rolname = can_become.role
                      AND pg_has_role(can_become.member, r.oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END));
$$;
COMMENT ON FUNCTION dataplat_internal.can_become(name, name) IS 'may the first role act as the second?';
REVOKE ALL ON FUNCTION dataplat_internal.can_become(name, name) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.command_create_web_token(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    token_name text := a ->> 'name';
    acts_as    name := coalesce(a ->> 'role', caller);
    token      text;
BEGIN
    IF coalesce(token_name, '') = '' THEN
        RAISE EXCEPTION 'a token needs a name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = acts_as) THEN
        RAISE EXCEPTION 'role "%" does not exist', acts_as USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT dataplat_internal.can_become(caller, acts_as)
       OR ((SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = acts_as) AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = caller)) THEN
        RAISE EXCEPTION 'must be a member of role "%"', acts_as USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT FROM dataplat_internal.web_token AS t WHERE t.name = token_name) THEN
        RAISE EXCEPTION 'token "%" already exists', token_name
            USING ERRCODE = 'duplicate_object', HINT = 'Choose another name, or revoke it first with dataplat.revoke_web_token().';
    END IF;
    IF (a ->> 'valid_for')::interval <= interval '0' THEN
        RAISE EXCEPTION 'a token must be valid for some time' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two random UUIDs have 244 random bits.
    token := 'dpt_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex');
    INSERT INTO dataplat_internal.web_token AS t (name, token_hash, role, created_by, expires_at)
    VALUES (token_name, sha256(convert_to(token, 'UTF8')), acts_as, caller, now() + (a ->> 'valid_for')::interval);
    RETURN to_jsonb(token);
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_create_web_token(name, jsonb) IS 'create_web_token as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_create_web_token(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.create_web_token(name text, role name DEFAULT NULL, valid_for interval DEFAULT '90 days')
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('create_web_token', jsonb_build_object('name', name, 'role', role, 'valid_for', valid_for)) #>> '{}';
$$;
COMMENT ON FUNCTION dataplat.create_web_token(text, name, interval) IS
    'make a token with which HTTP clients act as a role (default: yours) and return it, this once; valid_for NULL: until it is revoked';
REVOKE ALL ON FUNCTION dataplat.create_web_token(text, name, interval) FROM PUBLIC;

-- ------------------------------------------------------------------ revoke

CREATE OR REPLACE FUNCTION dataplat_internal.command_revoke_web_token(caller name, a jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    t dataplat_internal.web_token;
BEGIN
    SELECT * INTO t FROM dataplat_internal.web_token AS x WHERE x.name = a ->> 'name' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'token "%" does not exist', a ->> 'name'
            USING ERRCODE = 'undefined_object', HINT = 'See dataplat.web_token for the tokens there are.';
    END IF;
    IF t.created_by <> caller AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = caller)
       AND NOT dataplat_internal.can_become(caller, t.role) THEN
        RAISE EXCEPTION 'must be a member of role "%"', t.role USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM dataplat_internal.web_token AS x WHERE x.name = t.name;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION dataplat_internal.command_revoke_web_token(name, jsonb) IS 'revoke_web_token as the owner of the extension';
REVOKE ALL ON FUNCTION dataplat_internal.command_revoke_web_token(name, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat.revoke_web_token(name text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT dataplat.command('revoke_web_token', jsonb_build_object('name', name));
$$;
COMMENT ON FUNCTION dataplat.revoke_web_token(text) IS 'forget a token; requests with it are refused from then on';
REVOKE ALL ON FUNCTION dataplat.revoke_web_token(text) FROM PUBLIC;

-- ------------------------------------------------------------------ look

CREATE OR REPLACE VIEW dataplat.web_token AS
SELECT t.name, t.role, t.created_by, t.created_at, t.expires_at
  FROM dataplat_internal.web_token AS t;
COMMENT ON VIEW dataplat.web_token IS 'tokens of HTTP clients; the tokens themselves are stored nowhere';

-- ------------------------------------------------------------------ health

CREATE OR REPLACE FUNCTION dataplat_internal.web_addresses()
RETURNS TABLE (database text)
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'dp_web_addresses';
COMMENT ON FUNCTION dataplat_internal.web_addresses() IS 'databases that dataplat.web_listen names';
REVOKE ALL ON FUNCTION dataplat_internal.web_addresses() FROM PUBLIC;

CREATE OR REPLACE FUNCTION dataplat_internal.web_health(OUT severity text, OUT object text, OUT problem text, OUT cause text, OUT action text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'error', 'HTTP worker', 'no such database', format('dataplat.web_listen names database "%s", which does not exist.', w.database),
           'Set dataplat.web_database, or write host:port/database in dataplat.web_listen.'
      FROM dataplat_internal.web_addresses() AS w
     WHERE NOT EXISTS (SELECT FROM pg_database AS d WHERE d.datname = w.database)
    UNION ALL
    SELECT 'warning', 'token ' || t.name, 'role is missing', format('Role "%s" does not exist.', t.role),
           format('SELECT dataplat.revoke_web_token(%L)', t.name)
      FROM dataplat_internal.web_token AS t
     WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = t.role);
$$;
COMMENT ON FUNCTION dataplat_internal.web_health() IS 'health check of the HTTP worker';
REVOKE ALL ON FUNCTION dataplat_internal.web_health() FROM PUBLIC;
SELECT dataplat_internal.register_health_check('web', 'dataplat_internal.web_health');
