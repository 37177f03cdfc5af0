-- The names that --with-table and --skip-table can mean: tables and partitioned tables. From 10.
SELECT n.nspname::text AS schema, c.relname::text AS name
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_(toast|temp)'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
