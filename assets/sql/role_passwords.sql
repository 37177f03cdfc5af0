-- The password hashes; needs SELECT on pg_authid (superuser, or pg_read_all_data from 14). From 10.
SELECT a.rolname::text AS name, a.rolpassword AS hash
  FROM pg_catalog.pg_authid a
 WHERE a.rolpassword IS NOT NULL
