-- The names of the collations that come with this server. From 10.
SELECT DISTINCT c.collname::text AS name
  FROM pg_catalog.pg_collation c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace AND n.nspname = 'pg_catalog'
 ORDER BY 1
