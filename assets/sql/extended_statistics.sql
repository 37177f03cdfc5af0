-- The tables that have statistics objects: their statistics do not travel with the others. From 10.
SELECT DISTINCT n.nspname::text AS schema, c.relname::text AS name
  FROM pg_catalog.pg_statistic_ext s
  JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
