-- What belongs to this database as a whole: ALTER DATABASE ... SET and ALTER ROLE ... IN DATABASE ... SET; the role is NULL
-- for the former. From 10.
SELECT r.rolname::text AS role, s.setconfig AS settings
  FROM pg_catalog.pg_db_role_setting s
  JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 WHERE d.datname = pg_catalog.current_database() AND (s.setrole = 0 OR r.oid IS NOT NULL)
 ORDER BY 1 NULLS FIRST
