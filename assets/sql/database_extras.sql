-- What belongs to this database as a whole and is neither schema nor rows. One row. From 10.
SELECT d.datconnlimit AS connection_limit, d.datistemplate AS is_template,
       pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
       pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,
       d.datacl IS NOT NULL AS has_privileges,
       coalesce((SELECT pg_catalog.array_agg(pg_catalog.format('%s %s %s', pg_catalog.replace(x.privilege_type, ' ', '_'),
                          x.is_grantable, CASE WHEN x.grantee = 0 THEN 'p' ELSE 'r' || g.rolname END))
                   FROM pg_catalog.aclexplode(d.datacl) x
                   LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee), '{}') AS privileges
  FROM pg_catalog.pg_database d
 WHERE d.datname = pg_catalog.current_database()
