-- What on this server as a whole needs a word before it is moved: names that newer versions refuse, settings of databases
-- and roles, tablespaces, replication by others. From 10.
SELECT 'line break in a name' AS kind, ''::text AS schema, d.datname::text AS name, 'database'::text AS part, NULL::text AS detail
  FROM pg_catalog.pg_database d WHERE d.datname ~ E'[\r\n]'
UNION ALL
SELECT 'line break in a name', '', r.rolname::text, 'role', NULL FROM pg_catalog.pg_roles r WHERE r.rolname ~ E'[\r\n]'
UNION ALL
SELECT 'tablespace', '', t.spcname::text, NULL, NULL
  FROM pg_catalog.pg_tablespace t WHERE t.spcname NOT IN ('pg_default', 'pg_global')
UNION ALL
SELECT 'setting', '', pg_catalog.split_part(x.setting, '=', 1), coalesce(d.datname::text, r.rolname::text), pg_catalog.substr(x.setting, pg_catalog.strpos(x.setting, '=') + 1)
  FROM pg_catalog.pg_db_role_setting s
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) x(setting)
  LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 WHERE pg_catalog.split_part(x.setting, '=', 1) IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
       'transaction_timeout', 'default_transaction_read_only', 'standard_conforming_strings', 'session_replication_role')
 ORDER BY 1, 3, 4
 LIMIT 10000
