-- GRANT ... ON PARAMETER. From 15.
SELECT p.parname AS parameter, x.privilege_type AS privilege, x.is_grantable AS grantable,
       CASE WHEN x.grantee = 0 THEN NULL ELSE g.rolname::text END AS grantee
  FROM pg_catalog.pg_parameter_acl p
 CROSS JOIN LATERAL pg_catalog.aclexplode(p.paracl) x
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = x.grantee
 WHERE x.grantee = 0 OR (g.rolname IS NOT NULL AND g.oid <> 10)
 ORDER BY 1, 2, 4
