-- Which tables, views and indexes of this database need a word before they are moved? From 10.
WITH own AS (
    SELECT c.oid, c.relname, n.nspname, c.relkind, c.relpersistence, c.relispartition, c.relispopulated, c.relpages, c.reltoastrelid
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'm', 'S')
       AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
)
(SELECT CASE o.relkind WHEN 'r' THEN 'unlogged table' WHEN 'p' THEN 'unlogged partitioned table' ELSE 'unlogged sequence' END
         AS kind, o.nspname::text AS schema, o.relname::text AS name, NULL::text AS part, NULL::text AS detail
   FROM own o WHERE o.relpersistence = 'u' LIMIT 5000)
UNION ALL
(SELECT 'foreign table', o.nspname::text, o.relname::text, NULL, NULL FROM own o WHERE o.relkind = 'f' LIMIT 5000)
UNION ALL
(SELECT CASE WHEN o.relispopulated THEN 'materialized view' ELSE 'unpopulated view' END, o.nspname::text, o.relname::text,
        NULL, NULL
   FROM own o WHERE o.relkind = 'm' LIMIT 5000)
UNION ALL
(SELECT 'sequence', o.nspname::text, o.relname::text, NULL, NULL FROM own o WHERE o.relkind = 'S' LIMIT 5000)
UNION ALL
(SELECT 'partitioned table', o.nspname::text, o.relname::text, NULL, NULL
   FROM own o WHERE o.relkind = 'p' AND NOT o.relispartition LIMIT 5000)
UNION ALL
(SELECT 'inheritance', o.nspname::text, o.relname::text, NULL, NULL
   FROM own o
  WHERE o.relkind = 'r' AND NOT o.relispartition
    AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = o.oid) LIMIT 5000)
UNION ALL
-- As VACUUM left the numbers: no file is looked at.
(SELECT 'large table', o.nspname::text, o.relname::text, NULL,
        ((o.relpages::int8 + coalesce(t.relpages, 0)::int8) * pg_catalog.current_setting('block_size')::int8)::text
   FROM own o
   LEFT JOIN pg_catalog.pg_class t ON t.oid = o.reltoastrelid
  WHERE o.relkind = 'r'
    AND (o.relpages::int8 + coalesce(t.relpages, 0)::int8) * pg_catalog.current_setting('block_size')::int8 > 50 * 1073741824::int8
  LIMIT 5000)
UNION ALL
(SELECT 'invalid index', n.nspname::text, x.relname::text, NULL, o.relname::text
   FROM pg_catalog.pg_index i
   JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid AND x.relkind = 'i'
   JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
   JOIN own o ON o.oid = i.indrelid
  WHERE NOT i.indisvalid LIMIT 5000)
UNION ALL
(SELECT DISTINCT 'inet index', n.nspname::text, x.relname::text, NULL::text, NULL::text
   FROM pg_catalog.pg_index i
  CROSS JOIN LATERAL pg_catalog.unnest(i.indclass::oid[]) k(opclass)
   JOIN pg_catalog.pg_opclass c ON c.oid = k.opclass AND c.opcname IN ('gist_inet_ops', 'gist_cidr_ops')
   JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
   JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
   JOIN own o ON o.oid = i.indrelid
  LIMIT 5000)
ORDER BY 1, 2, 3
