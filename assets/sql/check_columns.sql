-- Which columns of this database's tables need a word before they are moved? From 10.
WITH every AS (
    SELECT c.oid, c.relname, n.nspname, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attidentity, a.attcollation, a.attnotnull,
           CASE WHEN a.atthasdef THEN pg_catalog.to_jsonb(a) ->> 'attgenerated' END AS generated,
           c.relkind
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
), own AS (
    SELECT e.* FROM every e WHERE e.relkind <> 'm'
)
(SELECT CASE WHEN o.generated <> '' THEN 'generated' ELSE 'identity' END AS kind,
        o.nspname::text AS schema, o.relname::text AS name, o.attname::text AS part, o.generated AS detail
   FROM own o WHERE o.generated <> '' OR o.attidentity = 'a' LIMIT 5000)
UNION ALL
(SELECT 'large object reference', o.nspname::text, o.relname::text, o.attname::text, t.typname::text
   FROM own o JOIN pg_catalog.pg_type t ON t.oid = o.atttypid
  WHERE t.typname = 'lo' OR t.oid = 26 LIMIT 5000)
UNION ALL
(SELECT 'no binary form', o.nspname::text, o.relname::text, o.attname::text,
        pg_catalog.format_type(o.atttypid, o.atttypmod)
   FROM own o JOIN pg_catalog.pg_type t ON t.oid = o.atttypid
  WHERE t.typsend = 0 OR t.typreceive = 0 LIMIT 5000)
UNION ALL
(SELECT 'collation', o.nspname::text, o.relname::text, o.attname::text,
        pg_catalog.format('%I.%I', cn.nspname, k.collname)
   FROM own o
   JOIN pg_catalog.pg_collation k ON k.oid = o.attcollation
   JOIN pg_catalog.pg_namespace cn ON cn.oid = k.collnamespace
  WHERE cn.nspname = 'pg_catalog' AND k.collname NOT IN ('default', 'C', 'POSIX', 'ucs_basic', 'unicode', 'pg_c_utf8')
  LIMIT 5000)
UNION ALL
(SELECT 'child without not null', o.nspname::text, o.relname::text, o.attname::text, NULL
   FROM pg_catalog.pg_inherits i
   JOIN own o ON o.oid = i.inhrelid
   JOIN pg_catalog.pg_attribute p ON p.attrelid = i.inhparent AND p.attname = o.attname
  WHERE p.attnum > 0 AND p.attnotnull AND NOT o.attnotnull LIMIT 5000)
UNION ALL
-- With the parents where it is an ordinary column, as pairs of schema and name.
(SELECT 'generated in the child only', o.nspname::text, o.relname::text, o.attname::text,
        pg_catalog.json_agg(pg_catalog.json_build_array(p.nspname, p.relname) ORDER BY i.inhseqno)::text
   FROM pg_catalog.pg_inherits i
   JOIN own o ON o.oid = i.inhrelid AND o.generated <> ''
   JOIN own p ON p.oid = i.inhparent AND p.attname = o.attname
  WHERE coalesce(p.generated, '') = ''
  GROUP BY 2, 3, 4 LIMIT 5000)
UNION ALL
-- From 14 on a column may ask for it.
(SELECT 'compressed with lz4', o.nspname::text, o.relname::text, o.attname::text, NULL
   FROM every o
   JOIN pg_catalog.pg_attribute a ON a.attrelid = o.oid AND a.attnum = o.attnum
  WHERE pg_catalog.to_jsonb(a) ->> 'attcompression' = 'l' LIMIT 5000)
ORDER BY 1, 2, 3, 4
