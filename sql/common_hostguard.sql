-- Which addresses may a connection lead to?  The lists are given here, so
-- that the settings of the server do not matter.
CREATE FUNCTION pg_temp.guard(host text, address inet, loopback boolean, allowed text, denied text)
RETURNS text
LANGUAGE sql
AS $$
    SELECT coalesce(dataplat_internal.host_refusal(host, address, loopback, allowed, denied), 'allowed')
$$;

-- Empty lists: all but the addresses that no connection needs by accident,
-- also when an IPv6 address only carries the IPv4 one.
SELECT a.address, pg_temp.guard(NULL, a.address::inet, false, '', '') AS verdict
  FROM (VALUES (1, '10.1.2.3'), (2, '2001:db8::1'), (3, '127.0.0.1'), (4, '127.255.0.9'), (5, '::1'),
               (6, '::ffff:127.0.0.1'), (7, '::127.0.0.1'), (8, '64:ff9b::7f00:1'), (9, '169.254.169.254'),
               (10, '::ffff:169.254.169.254'), (11, 'fe80::1'), (12, 'febf::1'), (13, 'fec0::1'), (14, '0.0.0.0'),
               (15, '0.1.2.3'), (16, '::'), (17, '224.0.0.1'), (18, '239.1.1.1'), (19, '240.0.0.1'), (20, 'ff02::1'),
               (21, '255.255.255.255'), (22, '128.0.0.1'), (23, '126.255.255.255')) AS a (n, address)
 ORDER BY a.n;

-- A connection that names this machine may reach it, but no more than that.
SELECT a.address, pg_temp.guard('localhost', a.address::inet, true, a.allowed, '') AS verdict
  FROM (VALUES (1, '127.0.0.1', ''), (2, '::1', ''), (3, '::ffff:127.0.0.1', ''), (4, '127.0.0.1', '*.example.com'),
               (5, '169.254.169.254', ''), (6, '0.0.0.0', '')) AS a (n, address, allowed)
 ORDER BY a.n;

-- What allowed_hosts says.  Names, addresses and networks also open what is
-- closed by default; patterns do not.
SELECT a.allowed, a.host, a.address, pg_temp.guard(a.host, a.address::inet, false, a.allowed, '') AS verdict
  FROM (VALUES (1, '*', 'kafka', '10.0.0.1'), (2, '*', 'localhost', '127.0.0.1'), (3, 'localhost', 'localhost', '127.0.0.1'),
               (4, 'localhost', NULL, '127.0.0.1'), (5, 'localhost', NULL, '::1'), (6, 'localhost', 'kafka', '10.0.0.1'),
               (7, '*, localhost', 'kafka', '10.0.0.1'), (8, 'kafka', 'KAFKA', '10.0.0.1'), (9, 'kafka', NULL, '10.0.0.1'),
               (10, '10.0.0.0/8', 'kafka', '10.0.0.1'), (11, '10.0.0.0/8', 'kafka', '11.0.0.1'), (12, '10.0.0.0/30', NULL, '10.0.0.3'),
               (13, '10.0.0.0/30', NULL, '10.0.0.4'), (14, '*.example.com', 'k.example.com', '10.0.0.1'),
               (15, '*.example.com', 'example.com', '10.0.0.1'), (16, '*.example.com', 'evilexample.com', '10.0.0.1'),
               (17, '*.example.com', 'k.example.com', '127.0.0.1'), (18, 'k.example.com', 'k.example.com', '127.0.0.1'),
               (19, '2001:db8::/32', NULL, '2001:db8:1::5'), (20, '2001:db8::/32', NULL, '2001:db9::5'),
               (21, '::ffff:10.0.0.1', NULL, '10.0.0.1'), (22, '0.0.0.0/0', NULL, '127.0.0.1')) AS a (n, allowed, host, address)
 ORDER BY a.n;

-- denied_networks is stronger than all of it.
SELECT a.address, pg_temp.guard('kafka', a.address::inet, true, 'kafka, 10.0.0.0/8, *', '10.9.0.0/16, 127.0.0.2, fd00::/8') AS verdict
  FROM (VALUES (1, '10.8.0.1'), (2, '10.9.0.1'), (3, '::ffff:10.9.0.1'), (4, '127.0.0.1'), (5, '127.0.0.2'), (6, 'fd12::1')) AS a (n, address)
 ORDER BY a.n;

-- Lists that cannot be read.
\set VERBOSITY terse
SELECT pg_temp.guard(NULL, '10.0.0.1', false, '10.0.0.0/33', '');
SELECT pg_temp.guard(NULL, '10.0.0.1', false, '10.0.0.0/', '');
SELECT pg_temp.guard(NULL, '10.0.0.1', false, 'ka*fka', '');
SELECT pg_temp.guard(NULL, '10.0.0.1', false, '*example.com', '');
SELECT pg_temp.guard(NULL, '10.0.0.1', false, 'kafka:9092', '');
SELECT pg_temp.guard(NULL, '10.0.0.1', false, '', 'kafka');
SELECT pg_temp.guard(NULL, '10.0.0.1', false, '', '*');
SELECT pg_temp.guard(NULL, '10.0.0.1', false, pg_catalog.repeat('a', 256), '');
\set VERBOSITY default
ALTER SYSTEM SET dataplat.allowed_hosts = 'kafka:9092';
ALTER SYSTEM SET dataplat.denied_networks = 'kafka';
SET dataplat.allowed_hosts = '*';

DROP FUNCTION pg_temp.guard(text, inet, boolean, text, text);
