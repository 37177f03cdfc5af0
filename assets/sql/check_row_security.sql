-- Of which tables does row-level security hide rows from our user? From 10.
SELECT 'row security' AS kind, n.nspname::text AS schema, c.relname::text AS name, NULL::text AS part,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS detail
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relrowsecurity AND c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid)
 ORDER BY 2, 3
 LIMIT 10000
