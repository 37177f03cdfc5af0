-- ALTER ROLE ... SET for all databases, and ALTER ROLE ALL SET, where the role is NULL. From 10.
SELECT r.rolname::text AS role, s.setconfig AS settings
  FROM pg_catalog.pg_db_role_setting s
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 WHERE s.setdatabase = 0 AND (s.setrole = 0 OR r.oid IS NOT NULL)
 ORDER BY 1 NULLS FIRST
