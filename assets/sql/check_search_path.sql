-- Which functions that an index or a materialized view uses set no search_path of their own? Under a target from 17 on
-- such expressions see pg_catalog alone while they are built. Functions in SQL and PL languages. From 10.
SELECT DISTINCT 'function' AS kind, n.nspname::text AS schema, p.proname::text AS name, NULL::text AS part, NULL::text AS detail
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid AND p.oid >= 16384
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
  LEFT JOIN pg_catalog.pg_class c ON c.oid = d.objid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
  LEFT JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
  LEFT JOIN pg_catalog.pg_class m ON m.oid = r.ev_class
 WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
   AND (c.relkind = 'i' OR m.relkind = 'm')
   AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s(setting) WHERE s.setting LIKE 'search_path=%')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                    WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND e.objid = p.oid AND e.deptype = 'e')
 ORDER BY 2, 3
 LIMIT 10000
