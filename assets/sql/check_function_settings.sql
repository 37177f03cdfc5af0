-- Which functions and procedures of this database have a SET for a setting that some newer version has no more? Name in part,
-- value in detail. From 10.
SELECT 'function setting' AS kind, n.nspname::text AS schema, p.proname::text AS name,
       pg_catalog.split_part(x.setting, '=', 1) AS part,
       pg_catalog.substr(x.setting, pg_catalog.strpos(x.setting, '=') + 1) AS detail
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 CROSS JOIN LATERAL pg_catalog.unnest(p.proconfig) x(setting)
 WHERE p.oid >= 16384 AND p.proconfig IS NOT NULL AND n.nspname !~ '^pg_temp'
   AND pg_catalog.split_part(x.setting, '=', 1) IN
       ('replacement_sort_tuples', 'default_with_oids', 'operator_precedence_warning', 'vacuum_cleanup_index_scale_factor',
        'escape_string_warning', 'standard_conforming_strings')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
 ORDER BY 2, 3, 4
 LIMIT 5000
