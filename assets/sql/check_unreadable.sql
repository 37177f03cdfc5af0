-- What may our user not read of what is to be copied? Tables, sequences and configuration tables of extensions. From 10.
SELECT CASE WHEN NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') THEN 'schema'
            WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END AS kind,
       n.nspname::text AS schema, c.relname::text AS name, NULL::text AS part,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS detail
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm', 'S') AND c.oid >= 16384 AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                               ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END)
   AND (NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
        OR EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig)))
 ORDER BY 1, 2, 3
 LIMIT 10000
