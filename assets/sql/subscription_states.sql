-- How many tables of this database's subscription $1 (text) are in which state? From 10.
-- i: to be copied, d: being copied, f: copied (14+), s: catching up, r: ready.
SELECT r.srsubstate::text AS state, pg_catalog.count(*)::int8 AS tables
  FROM pg_catalog.pg_subscription_rel r
 -- Not by way of pg_subscription: before 14 only superusers may see the OID in it.
 WHERE r.srsubid IN (SELECT v.subid FROM pg_catalog.pg_stat_subscription v WHERE v.subname = $1::text::name)
 GROUP BY 1
 ORDER BY 1
