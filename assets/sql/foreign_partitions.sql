-- Which partitioned tables, at the top of their trees, have a foreign table among their partitions? Its rows are another
-- server's: they are neither copied nor counted. From 10.
WITH RECURSIVE tree(oid, root) AS (
    SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.relkind = 'p' AND NOT c.relispartition
  UNION ALL
    SELECT i.inhrelid, t.root FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
)
SELECT DISTINCT n.nspname::text AS schema, r.relname::text AS name
  FROM tree t
  JOIN pg_catalog.pg_class c ON c.oid = t.oid AND c.relkind = 'f'
  JOIN pg_catalog.pg_class r ON r.oid = t.root
  JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
 ORDER BY 1, 2
