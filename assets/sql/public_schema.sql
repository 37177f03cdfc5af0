-- May everybody create things in schema public of this database? From 10.
SELECT 'public' AS kind, n.nspname::text AS schema, n.nspname::text AS name, NULL::text AS part,
       pg_catalog.pg_get_userbyid(n.nspowner)::text AS detail
  FROM pg_catalog.pg_namespace n
 WHERE n.nspname = 'public'
   AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) x
                WHERE x.grantee = 0 AND x.privilege_type = 'CREATE')
