-- What does logical replication not carry of this database's rows, although a copy does? From 10.
SELECT CASE WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'unlogged table' END AS kind,
       n.nspname::text AS schema, c.relname::text AS name, 1::int8 AS number
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE (c.relkind = 'm' OR (c.relkind IN ('r', 'p') AND c.relpersistence = 'u'))
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'large objects', NULL, NULL, l.number
  FROM (SELECT pg_catalog.count(*)::int8 AS number FROM pg_catalog.pg_largeobject_metadata) l
 WHERE l.number > 0
 ORDER BY 1, 2, 3
