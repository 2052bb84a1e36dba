-- A database knows that it is itself, and what to say when it is not.
SELECT dataplat_internal.installation_is_ours();
SELECT count(*) FROM dataplat_internal.installation;
SELECT dataplat.adopt('steal');
SELECT dataplat.adopt(NULL);

-- Nothing to adopt: the identity stays.
BEGIN;
SELECT install_uuid AS old FROM dataplat_internal.installation \gset
SELECT dataplat.adopt('resume') = :'old' AS kept;
ROLLBACK;

-- A row of another place makes this a copy; resume keeps the oldest identity.
BEGIN;
INSERT INTO dataplat_internal.installation (install_uuid, system_identifier, db_oid, created_at)
VALUES ('00000000-0000-0000-0000-000000000001', 1, 1, '2020-01-01');
SELECT dataplat_internal.installation_is_ours();
SELECT severity, problem, cause FROM dataplat.health WHERE problem = 'fenced';
SELECT dataplat.adopt('resume');
SELECT dataplat_internal.installation_is_ours();
SELECT install_uuid, adopted_mode, adopted_by = session_user AS by_me FROM dataplat_internal.installation;
ROLLBACK;

-- fork makes a new one, also here.
BEGIN;
SELECT dataplat.adopt('fork') <> :'old' AS renewed;
SELECT count(*), bool_and(adopted_mode = 'fork') FROM dataplat_internal.installation;
ROLLBACK;

-- An emptied table is no permission.
BEGIN;
DELETE FROM dataplat_internal.installation;
SELECT dataplat_internal.installation_is_ours();
SELECT dataplat.adopt('resume') IS NOT NULL AS adopted;
SELECT dataplat_internal.installation_is_ours();
ROLLBACK;

-- A user without rights can neither look nor adopt.
CREATE ROLE dataplat_regress_nobody;
SET ROLE dataplat_regress_nobody;
SELECT dataplat.adopt('fork');
SELECT * FROM dataplat.health;
SELECT count(*) > 0 AS versions FROM dataplat.version();
RESET ROLE;
DROP ROLE dataplat_regress_nobody;
