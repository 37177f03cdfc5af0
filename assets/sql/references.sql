-- Which tables refer to which by a foreign key, be it validated or not? Those of partitions are part of their root's. One
-- row for each foreign key. From 10.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       rn.nspname::text AS referenced_schema, rc.relname::text AS referenced_name
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class rc ON rc.oid = k.confrelid
  JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace
 WHERE k.contype = 'f' AND coalesce((pg_catalog.to_jsonb(k) ->> 'conparentid')::int8, 0) = 0
 ORDER BY 1, 2, 3, 4
