-- What is this server, and what may we do on it? One row. From 10.
SELECT pg_catalog.current_setting('server_version_num')::int4 AS version_num,
       r.rolname::text AS user_name,
       r.rolsuper AS superuser,
       r.rolcreaterole AS create_role,
       r.rolcreatedb AS create_database,
       pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS reads_passwords,
       pg_catalog.has_function_privilege('pg_catalog.pg_read_file(text, int8, int8, bool)', 'EXECUTE') AS reads_files,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       (SELECT s.setting::int8 FROM pg_catalog.pg_settings s WHERE s.name = 'maintenance_work_mem')
         AS maintenance_work_mem_kb,
       (SELECT s.setting::int8 * pg_catalog.current_setting('block_size')::int8 / 1024
          FROM pg_catalog.pg_settings s WHERE s.name = 'shared_buffers') AS shared_buffers_kb,
       pg_catalog.current_setting('max_connections')::int4
         - pg_catalog.current_setting('superuser_reserved_connections')::int4
         - (SELECT pg_catalog.count(*)::int4 FROM pg_catalog.pg_stat_activity a
             WHERE a.backend_type = 'client backend') AS free_connections
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = CURRENT_USER
