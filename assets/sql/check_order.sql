-- What depends on the order of text under the database's collation: range partitions, and checks that compare text. From 10.
SELECT 'range partitions' AS kind, n.nspname::text AS schema, c.relname::text AS name, a.attname::text AS part, NULL::text AS detail
  FROM pg_catalog.pg_partitioned_table p
  JOIN pg_catalog.pg_class c ON c.oid = p.partrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(p.partattrs::int2[]), pg_catalog.unnest(p.partcollation::oid[])) AS k(attnum, colloid)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
  JOIN pg_catalog.pg_collation l ON l.oid = k.colloid AND l.collname NOT IN ('C', 'POSIX', 'ucs_basic')
 WHERE p.partstrat = 'r'
 ORDER BY 2, 3, 4
 LIMIT 10000
