-- Is aiven_extras in this database, and which of its functions may we call? One row or none. From 10.
SELECT n.nspname::text AS schema,
       e.extversion AS version,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS schema_usable,
       coalesce((SELECT pg_catalog.array_agg(DISTINCT p.proname::text)
                   FROM pg_catalog.pg_proc p
                   JOIN pg_catalog.pg_depend d ON d.objid = p.oid AND d.deptype = 'e' AND d.refobjid = e.oid
                    AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                    AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                  WHERE p.pronamespace = n.oid AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')), '{}')
         AS functions
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'aiven_extras'
