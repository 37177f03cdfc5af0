-- What belongs to a superuser or to a provider's role, as which role and of which kind? From 10.
-- What belongs to an extension comes with it.
WITH found AS (
    SELECT 'relation' AS kind, c.relowner AS owner, c.oid, 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS class
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_(toast|temp)'
    UNION ALL
    SELECT CASE WHEN p.prosecdef THEN 'security definer function' ELSE 'function' END, p.proowner, p.oid,
           'pg_catalog.pg_proc'::pg_catalog.regclass
      FROM pg_catalog.pg_proc p WHERE p.oid >= 16384
    UNION ALL
    SELECT 'schema', n.nspowner, n.oid, 'pg_catalog.pg_namespace'::pg_catalog.regclass
      FROM pg_catalog.pg_namespace n WHERE n.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp)'
)
SELECT f.kind, ''::text AS schema, r.rolname::text AS name, NULL::text AS part, pg_catalog.count(*)::text AS detail
  FROM found f
  JOIN pg_catalog.pg_roles r ON r.oid = f.owner
 WHERE (r.rolsuper OR r.rolname ~ '^(rds|cloudsql|alloydb|azure|neon_|supabase_|aiven)')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = f.class AND d.objid = f.oid AND d.deptype = 'e')
 GROUP BY 1, 2, 3
 ORDER BY 3, 1
