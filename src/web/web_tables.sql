/* web: tokens of HTTP clients. */

CREATE TABLE dataplat_internal.web_token (
    name        text PRIMARY KEY CHECK (name <> '' AND pg_catalog.octet_length(name) <= 200),
    token_hash  bytea NOT NULL UNIQUE,
    role        name NOT NULL,
    created_by  name NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at  timestamptz
);
COMMENT ON TABLE dataplat_internal.web_token IS 'tokens that HTTP clients log in with; create_web_token makes them';
COMMENT ON COLUMN dataplat_internal.web_token.token_hash IS 'SHA-256 of the token, which is stored nowhere';
COMMENT ON COLUMN dataplat_internal.web_token.role IS 'role that requests with the token act as';
COMMENT ON COLUMN dataplat_internal.web_token.expires_at IS 'the token counts for nothing from then on; NULL means never';
SELECT pg_catalog.pg_extension_config_dump('dataplat_internal.web_token', '');
