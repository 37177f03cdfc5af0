-- Who is a member of what, with which options and granted by whom. From 10; inherit and set from 16.
-- Those among the system's own roles come with the server.
SELECT r.rolname::text AS role, m.rolname::text AS member, g.rolname::text AS grantor,
       a.admin_option AS admin,
       (pg_catalog.to_jsonb(a) ->> 'inherit_option')::bool AS inherit,
       (pg_catalog.to_jsonb(a) ->> 'set_option')::bool AS set
  FROM pg_catalog.pg_auth_members a
  JOIN pg_catalog.pg_roles r ON r.oid = a.roleid
  JOIN pg_catalog.pg_roles m ON m.oid = a.member
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
 WHERE m.rolname !~ '^pg_' OR r.rolname !~ '^pg_'
 ORDER BY 1, 2, 3
