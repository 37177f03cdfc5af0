-- How many tables of this database's subscription $1 (text) are in which state? From 10.
-- i: to be copied, d: being copied, f: copied (14+), s: catching up, r: ready.
SELECT r.srsubstate::text AS state, pg_catalog.count(*)::int8 AS tables
  FROM pg_catalog.pg_subscription_rel r
  JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
   AND s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
 WHERE s.subname = $1::text::name
 GROUP BY 1
 ORDER BY 1
