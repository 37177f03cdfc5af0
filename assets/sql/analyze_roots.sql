-- What ANALYZE must be told to visit: plain tables and the tops of partition trees (their partitions are visited
-- with them below 18, and the tree's own statistics come from nowhere else). From 10.
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS size_bytes,
       -- The server only warns those who may not, and does nothing.
       pg_catalog.pg_has_role(c.relowner, 'USAGE')
         OR (SELECT pg_catalog.pg_has_role(d.datdba, 'USAGE') FROM pg_catalog.pg_database d
              WHERE d.datname = pg_catalog.current_database()) AS allowed
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE ((c.relkind = 'r' AND NOT c.relispartition) OR (c.relkind = 'p' AND NOT c.relispartition) OR c.relkind = 'm')
   AND c.relpersistence IN ('p', 'u')
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND (c.relkind <> 'm' OR c.relispopulated)
 ORDER BY 4 DESC
