-- Which tables have the hidden column oid, which is gone from 12 on? From 10.
SELECT 'with oids' AS kind, n.nspname::text AS schema, c.relname::text AS name, NULL::text AS part, NULL::text AS detail
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp)'
   AND coalesce((pg_catalog.to_jsonb(c) ->> 'relhasoids')::bool, false)
 ORDER BY 2, 3
 LIMIT 10000
