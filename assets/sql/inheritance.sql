-- Which tables inherit from which, partitions aside? Foreign tables may, too. One row for each pair. From 10.
SELECT pn.nspname::text AS parent_schema, p.relname::text AS parent_name, cn.nspname::text AS schema,
       c.relname::text AS name
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class p ON p.oid = i.inhparent AND p.relkind = 'r'
  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'f') AND NOT c.relispartition
  JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
 ORDER BY 1, 2, 3, 4
