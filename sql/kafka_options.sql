-- Connections: which options may be written, by whom, and where.
CREATE ROLE dp_opt_owner;
CREATE ROLE dp_opt_files IN ROLE pg_read_server_files;
CREATE ROLE dp_opt_user;

-- Nobody but a superuser declares connections before a grant.
SET ROLE dp_opt_owner;
CREATE SERVER dp_opt FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'k1:9092');
RESET ROLE;
GRANT USAGE ON FOREIGN DATA WRAPPER dataplat_kafka, dataplat_registry, dataplat_http TO dp_opt_owner, dp_opt_files;

-- One that an ordinary role may declare.
SET ROLE dp_opt_owner;
CREATE SERVER dp_opt FOREIGN DATA WRAPPER dataplat_kafka
    OPTIONS ("bootstrap.servers" 'k1:9092,10.0.0.2:9093,[2001:db8::1]:9092,k4', "security.protocol" 'SASL_SSL',
             "sasl.mechanism" 'SCRAM-SHA-512', "client.id" 'shop', "fetch.min.bytes" '1', "socket.keepalive.enable" 'true',
             "enable.ssl.certificate.verification" 'true', "isolation.level" 'read_committed');
CREATE USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS ("sasl.username" 'shop', "sasl.password" 'canary-4711');

-- Names: unknown, upper case, alias, prefix, ours, and never.
ALTER SERVER dp_opt OPTIONS (ADD "no.such.option" '1');
\set VERBOSITY terse
ALTER SERVER dp_opt OPTIONS (ADD "Client.Rack" '1');
ALTER SERVER dp_opt OPTIONS (ADD "topic.client.rack" '1');
ALTER SERVER dp_opt OPTIONS (ADD password_ref 'file:x');
\set VERBOSITY default
\set SHOW_CONTEXT never
DO $$
DECLARE
    o record;
    message text;
    detail text;
    state text;
BEGIN
    FOR o IN SELECT * FROM unnest('{metadata.broker.list,group.id,enable.auto.commit,queued.min.messages,debug,plugin.library.paths,ssl.engine.location,sasl.kerberos.kinit.cmd,offset.store.path,rebalance_cb,enable.sasl.oauthbearer.unsecure.jwt}'::text[]) AS u (name)
    LOOP
        BEGIN
            EXECUTE format('ALTER SERVER dp_opt OPTIONS (ADD %I %L)', o.name, '1');
            RAISE NOTICE '% was accepted', o.name;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, state = RETURNED_SQLSTATE;
            RAISE NOTICE '% % %', state, message, detail;
        END;
    END LOOP;
END $$;

-- A secret on a server, a server's option in a mapping.
ALTER SERVER dp_opt OPTIONS (ADD "sasl.password" 'canary-4711');
ALTER SERVER dp_opt OPTIONS (ADD "ssl.key.pem" 'canary-4711');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (ADD "bootstrap.servers" 'k:1');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (ADD "ssl.key.pem" 'canary-4711');

-- Values.
CREATE FUNCTION pg_temp.try(VARIADIC options text[])
RETURNS TABLE (option text, value text, state text, said text)
LANGUAGE plpgsql
AS $$
BEGIN
    FOR i IN 1 .. array_length(options, 1) / 2 LOOP
        option := options[2 * i - 1];
        value := options[2 * i];
        BEGIN
            EXECUTE format('CREATE SERVER dp_opt_try FOREIGN DATA WRAPPER dataplat_kafka OPTIONS (%s%I %L)',
                           CASE option WHEN 'bootstrap.servers' THEN '' ELSE $q$"bootstrap.servers" 'k:9092', $q$ END, option, value);
            DROP SERVER dp_opt_try;
            state := '00000';
            said := 'accepted';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
        END;
        value := left(value, 30);
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM pg_temp.try('bootstrap.servers', '', 'bootstrap.servers', 'k:0', 'bootstrap.servers', 'k:65536', 'bootstrap.servers', 'k:',
    'bootstrap.servers', 'k:9092,', 'bootstrap.servers', 'k:9092, l:9092', 'bootstrap.servers', 'ssl://k:9092', 'bootstrap.servers', '[::1:9092',
    'bootstrap.servers', '[::1]', 'bootstrap.servers', 'k/../etc',
    'socket.timeout.ms', '9', 'socket.timeout.ms', '10', 'socket.timeout.ms', '300001', 'socket.timeout.ms', '1e3', 'socket.timeout.ms', ' 100',
    'socket.timeout.ms', '99999999999999999999', 'socket.keepalive.enable', 'on', 'socket.keepalive.enable', 'TRUE', 'socket.keepalive.enable', 'false',
    'security.protocol', 'ssl', 'security.protocol', 'tls', 'security.protocol', 'sasl_ssl', 'sasl.mechanism', 'PLAIN', 'sasl.mechanism', 'plain',
    'ssl.ca.pem', '/etc/passwd', 'ssl.ca.pem', E'-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n', 'client.id', E'a\nb', 'client.id', repeat('a', 4097),
    'ssl.ca.pem', '-----BEGIN PRIVATE KEY-----', 'broker.address.family', 'v4', 'broker.address.family', 'v4 v6');
ALTER SERVER dp_opt OPTIONS (ADD "reconnect.backoff.ms" '2000', ADD "reconnect.backoff.max.ms" '1000');
ALTER SERVER dp_opt OPTIONS (DROP "bootstrap.servers");
CREATE SERVER dp_opt_none FOREIGN DATA WRAPPER dataplat_kafka;
CREATE SERVER dp_opt_none FOREIGN DATA WRAPPER dataplat_registry;
CREATE SERVER dp_opt_none FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'k', "socket.timeout.ms" 'soon');
RESET ROLE;

-- Classes by role: what an ordinary role, one with pg_read_server_files and a
-- superuser may set.
CREATE FUNCTION pg_temp.try_as(role_name text, VARIADIC options text[])
RETURNS TABLE (option text, value text, state text, said text)
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role_name);
    RETURN QUERY SELECT * FROM pg_temp.try(VARIADIC options);
    RESET ROLE;
END $$;
SELECT CASE r.n WHEN 3 THEN 'superuser' ELSE r.role_name END AS writer, t.option, t.value, t.state, t.said
  FROM (VALUES (1, 'dp_opt_owner'), (2, 'dp_opt_files'), (3, current_user::text)) AS r (n, role_name),
       pg_temp.try_as(r.role_name, 'ssl.ca.location', '/etc/ssl/ca.pem', 'sasl.kerberos.keytab', '/etc/krb5.keytab',
            'ssl.cipher.suites', 'ALL', 'enable.ssl.certificate.verification', 'false', 'ssl.endpoint.identification.algorithm', 'none',
            'ssl.endpoint.identification.algorithm', 'https', 'isolation.level', 'read_uncommitted', 'sasl.oauthbearer.method', 'oidc',
            'sasl.oauthbearer.token.endpoint.url', 'http://169.254.169.254/token') AS t
 ORDER BY r.n, t.option, t.value;
SET ROLE dp_opt_owner;
CREATE SERVER dp_opt_gssapi FOREIGN DATA WRAPPER dataplat_kafka
    OPTIONS ("bootstrap.servers" 'k', "security.protocol" 'sasl_ssl', "sasl.mechanism" 'GSSAPI');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (DROP "sasl.password", ADD password_ref 'file:shop');
RESET ROLE;

-- An option of a superuser's keeps the owner from turning the server round;
-- he may drop it.
ALTER SERVER dp_opt OPTIONS (ADD "ssl.ca.location" '/etc/ssl/ca.pem');
SET ROLE dp_opt_owner;
ALTER SERVER dp_opt OPTIONS (SET "bootstrap.servers" 'evil:9092');
ALTER SERVER dp_opt OPTIONS (DROP "ssl.ca.location");
ALTER SERVER dp_opt OPTIONS (SET "bootstrap.servers" 'k2:9092');
GRANT USAGE ON FOREIGN SERVER dp_opt TO dp_opt_user;
RESET ROLE;

-- A reference instead of a password, and only one of both.
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (ADD password_ref 'file:shop');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (DROP "sasl.password", ADD password_ref 'file:../etc/passwd');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (DROP "sasl.password", ADD password_ref 'file:');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (DROP "sasl.password", ADD password_ref 'http:shop');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (DROP "sasl.password", ADD password_ref 'env:shop_1-A');
ALTER USER MAPPING FOR dp_opt_owner SERVER dp_opt OPTIONS (DROP password_ref, ADD "sasl.password" 'canary-4711');

-- Another role sees the connection, not the credentials.
SET ROLE dp_opt_user;
SELECT m.srvname, m.usename, m.umoptions FROM pg_catalog.pg_user_mappings AS m WHERE m.srvname = 'dp_opt' ORDER BY m.usename;
RESET ROLE;

-- What a connection comes to, for a role.  Secret values are not shown.
SELECT name, value FROM dataplat_internal.connection_settings('dp_opt', 'dp_opt_owner') ORDER BY name;
SELECT * FROM dataplat_internal.connection_settings('dp_opt', 'dp_opt_user');
SELECT * FROM dataplat_internal.connection_settings('dp_opt', 'dp_opt_files');
SELECT * FROM dataplat_internal.connection_settings('dp_opt_missing', 'dp_opt_user');
CREATE SERVER dp_opt_registry FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url 'http://registry:8081');
SELECT * FROM dataplat_internal.connection_settings('dp_opt_registry', current_user);
-- PUBLIC's mapping is for those who have none of their own.
CREATE USER MAPPING FOR PUBLIC SERVER dp_opt OPTIONS ("sasl.username" 'anyone', "sasl.password" 'canary-4712');
SELECT name, value FROM dataplat_internal.connection_settings('dp_opt', 'dp_opt_user') WHERE name LIKE 'sasl.%' ORDER BY name;

-- Registry and HTTP connections.
CREATE USER MAPPING FOR PUBLIC SERVER dp_opt_registry OPTIONS (username 'u', password 'canary-4711');
ALTER SERVER dp_opt_registry OPTIONS (SET url 'ftp://registry');
ALTER SERVER dp_opt_registry OPTIONS (SET url 'http://user:canary@registry');
ALTER SERVER dp_opt_registry OPTIONS (ADD password 'canary-4711');
ALTER SERVER dp_opt_registry OPTIONS (ADD timeout_ms '99');
ALTER SERVER dp_opt_registry OPTIONS (ADD timeout_ms '5000', SET url 'https://[2001:db8::1]:8081/path?x=1');
CREATE SERVER dp_opt_http FOREIGN DATA WRAPPER dataplat_http OPTIONS (url 'http://h:4318', verify_tls 'true', headers 'x');

-- No option on the wrapper itself, and no code reached by any of it.
ALTER FOREIGN DATA WRAPPER dataplat_kafka OPTIONS (ADD "client.id" 'x');

SELECT o.class, o.place, count(*) FROM dataplat_internal.kafka_option_class() AS o GROUP BY o.class, o.place ORDER BY o.class, o.place;
SELECT o.name FROM dataplat_internal.connection_option('dataplat_kafka') AS o WHERE o.secret ORDER BY o.name;
SELECT * FROM dataplat_internal.connection_option('postgres_fdw');

DROP SERVER dp_opt, dp_opt_registry CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER dataplat_kafka, dataplat_registry, dataplat_http FROM dp_opt_owner, dp_opt_files;
DROP FUNCTION pg_temp.try_as(text, text[]);
DROP FUNCTION pg_temp.try(text[]);
DROP ROLE dp_opt_owner, dp_opt_files, dp_opt_user;
