-- How the passwords of roles are stored, without the passwords. Takes reading pg_authid. From 10.
SELECT a.rolname::text AS name,
       CASE WHEN a.rolpassword ~ '^md5' THEN 'md5' WHEN a.rolpassword ~ '^SCRAM-SHA-256' THEN 'scram' ELSE 'none' END AS kind
  FROM pg_catalog.pg_authid a
 WHERE a.rolcanlogin
 ORDER BY 1
