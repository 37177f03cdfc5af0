-- The large objects with owner, privileges, comment and labels. From 10.
SELECT l.oid::int8 AS oid,
       pg_catalog.pg_get_userbyid(l.lomowner)::text AS owner,
       l.lomacl IS NOT NULL AS has_privileges,
       coalesce((SELECT pg_catalog.array_agg(pg_catalog.format('%s %s %s', x.privilege_type, x.is_grantable,
                          CASE WHEN x.grantee = 0 THEN 'p' ELSE 'r' || g.rolname END))
                   FROM pg_catalog.aclexplode(l.lomacl) x
                   LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee), '{}') AS privileges,
       pg_catalog.obj_description(l.oid, 'pg_largeobject') AS comment,
       coalesce((SELECT pg_catalog.array_agg(b.provider || ' ' || b.label) FROM pg_catalog.pg_seclabel b
                  WHERE b.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND b.objoid = l.oid), '{}')
         AS labels
  FROM pg_catalog.pg_largeobject_metadata l
 ORDER BY l.oid
