-- Which columns have a type that newer versions took away, or that means numbers of this very database? From 10.
-- Directly, or inside of a domain, an array, a composite or a range.
WITH RECURSIVE odd AS (
    SELECT t.oid, t.typname::text AS why
      FROM pg_catalog.pg_type t
      JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE (n.nspname = 'pg_catalog'
            AND t.typname IN ('abstime', 'reltime', 'tinterval', 'unknown', 'aclitem', 'regproc', 'regprocedure', 'regoper',
                              'regoperator', 'regconfig', 'regdictionary', 'regnamespace', 'regcollation', 'regclass',
                              'regrole'))
        OR (n.nspname = 'information_schema' AND t.typname = 'sql_identifier')
), holds AS (
    SELECT o.oid, o.why FROM odd o
  UNION
    SELECT x.oid, h.why
      FROM holds h
     CROSS JOIN LATERAL (
           SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typbasetype = h.oid AND t.typtype = 'd'
           UNION ALL
           SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typelem = h.oid AND t.typtype = 'b'
           UNION ALL
           SELECT c.reltype FROM pg_catalog.pg_attribute a
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'c'
            WHERE a.atttypid = h.oid AND a.attnum > 0 AND NOT a.attisdropped
           UNION ALL
           SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngsubtype = h.oid) x
)
SELECT h.why AS kind, n.nspname::text AS schema, c.relname::text AS name, a.attname::text AS part,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS detail
  FROM holds h
  JOIN pg_catalog.pg_attribute a ON a.atttypid = h.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'm', 'p') AND c.oid >= 16384
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1, 2, 3, 4
 LIMIT 10000
