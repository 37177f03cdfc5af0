-- What of this database points outside of it, or acts on everything in it? Event triggers, foreign servers, user mappings,
-- publications, default privileges, labels. From 10.
SELECT 'event trigger' AS kind, ''::text AS schema, e.evtname::text AS name, NULL::text AS part, e.evtevent::text AS detail
  FROM pg_catalog.pg_event_trigger e
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND d.objid = e.oid AND d.deptype = 'e')
UNION ALL
SELECT 'foreign server', '', s.srvname::text, NULL, w.fdwname::text
  FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL
SELECT 'user mapping', '', m.srvname::text, coalesce(m.usename::text, 'public'),
       CASE WHEN m.umoptions IS NULL THEN 'hidden' END
  FROM pg_catalog.pg_user_mappings m
UNION ALL
SELECT 'publication', '', p.pubname::text, NULL, CASE WHEN p.puballtables THEN 'all tables' END
  FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'default privileges', coalesce(n.nspname::text, ''), pg_catalog.pg_get_userbyid(a.defaclrole)::text, NULL,
       a.defaclobjtype::text
  FROM pg_catalog.pg_default_acl a LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace
UNION ALL
SELECT DISTINCT 'security label', '', l.provider::text, NULL, NULL FROM pg_catalog.pg_seclabels l
UNION ALL
SELECT 'large objects', '', l.number::text, NULL, NULL
  FROM (SELECT pg_catalog.count(*)::int8 AS number FROM pg_catalog.pg_largeobject_metadata) l WHERE l.number > 0
UNION ALL
-- Not its owner's, nor by a grant; from 19 on pg_read_all_data reads all of them.
SELECT 'unreadable large objects', '', l.number::text, NULL, NULL
  FROM (SELECT pg_catalog.count(*)::int8 AS number
          FROM pg_catalog.pg_largeobject_metadata m
         WHERE NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
           AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(m.lomacl) a
                            WHERE a.privilege_type = 'SELECT'
                              AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))) l
 WHERE l.number > 0 AND pg_catalog.current_setting('lo_compat_privileges') = 'off'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles g
                    WHERE g.rolname = 'pg_read_all_data' AND pg_catalog.pg_has_role(g.oid, 'USAGE')
                      AND pg_catalog.current_setting('server_version_num')::int4 >= 190000)
UNION ALL
-- Only of those in use: to ask a library for its version takes a while, and there are hundreds.
SELECT 'collation version', '', k.collname::text, NULL, pg_catalog.format('%s to %s', k.collversion, v.version)
  FROM (SELECT DISTINCT a.attcollation FROM pg_catalog.pg_attribute a
         WHERE a.attrelid >= 16384 AND a.attcollation NOT IN (0, 100, 950, 951)) u
  JOIN pg_catalog.pg_collation k ON k.oid = u.attcollation AND k.collversion IS NOT NULL
 CROSS JOIN LATERAL (SELECT pg_catalog.pg_collation_actual_version(k.oid) AS version) v
 WHERE v.version IS NOT NULL AND k.collversion <> v.version
UNION ALL
SELECT 'custom collation', n.nspname::text, k.collname::text, NULL, k.collprovider::text
  FROM pg_catalog.pg_collation k JOIN pg_catalog.pg_namespace n ON n.oid = k.collnamespace
 WHERE k.oid >= 16384 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
 ORDER BY 1, 2, 3, 4
 LIMIT 10000
