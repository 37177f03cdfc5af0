-- What on this server as a whole needs a word before it is moved: tablespaces, settings of databases and roles. Of a setting,
-- schema is the database and part the role that it is for. From 10.
SELECT 'tablespace' AS kind, ''::text AS schema, t.spcname::text AS name, NULL::text AS part, NULL::text AS detail
  FROM pg_catalog.pg_tablespace t WHERE t.spcname NOT IN ('pg_default', 'pg_global')
UNION ALL
SELECT k.kind, coalesce(d.datname::text, ''), k.name, r.rolname::text, k.value
  FROM pg_catalog.pg_db_role_setting s
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) x(setting)
 CROSS JOIN LATERAL (SELECT CASE WHEN pg_catalog.split_part(x.setting, '=', 1) IN
                                 ('replacement_sort_tuples', 'default_with_oids', 'operator_precedence_warning',
                                  'vacuum_cleanup_index_scale_factor', 'escape_string_warning', 'standard_conforming_strings')
                            THEN 'removable setting' ELSE 'setting' END AS kind,
                            pg_catalog.split_part(x.setting, '=', 1) AS name,
                            pg_catalog.substr(x.setting, pg_catalog.strpos(x.setting, '=') + 1) AS value) k
  LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 WHERE k.kind = 'removable setting'
    OR k.name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout',
                  'default_transaction_read_only', 'session_replication_role')
 ORDER BY 1, 3, 4
 LIMIT 10000
