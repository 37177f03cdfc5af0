-- Which tables does this database's subscription $1 (text) know, and in which state is each? From 10.
-- States as in subscription_states.sql.
SELECT n.nspname::text AS schema, c.relname::text AS name, r.srsubstate::text AS state
  FROM pg_catalog.pg_subscription_rel r
  JOIN pg_catalog.pg_class c ON c.oid = r.srrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE r.srsubid IN (SELECT v.subid FROM pg_catalog.pg_stat_subscription v WHERE v.subname = $1::text::name)
 ORDER BY c.oid
