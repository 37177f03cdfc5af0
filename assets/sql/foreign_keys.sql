-- The foreign keys whose rows can be held against each other, with the columns of both sides in order: asked of
-- the target after rows were appended while no foreign key was watching. From 10.
SELECT n.nspname::text AS schema, c.relname::text AS name, k.conname::text AS constraint_name,
       rn.nspname::text AS referenced_schema, rc.relname::text AS referenced_name,
       (SELECT pg_catalog.array_agg(a.attname::text ORDER BY x.i)
          FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY x(n, i)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.n) AS columns,
       (SELECT pg_catalog.array_agg(a.attname::text ORDER BY x.i)
          FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY x(n, i)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.n) AS referenced_columns,
       (SELECT pg_catalog.array_agg(o.oprname::text ORDER BY x.i)
          FROM pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY x(n, i)
          JOIN pg_catalog.pg_operator o ON o.oid = x.n) AS operators,
       (SELECT pg_catalog.array_agg(q.nspname::text ORDER BY x.i)
          FROM pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY x(n, i)
          JOIN pg_catalog.pg_operator o ON o.oid = x.n
          JOIN pg_catalog.pg_namespace q ON q.oid = o.oprnamespace) AS operator_schemas
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class rc ON rc.oid = k.confrelid
  JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace
 WHERE k.contype = 'f' AND k.convalidated
   AND coalesce((pg_catalog.to_jsonb(k) ->> 'conparentid')::int8, 0) = 0
 ORDER BY 1, 2, 3
