-- Who are we on this server, over what kind of connection, and whose server is it? One row. From 10.
SELECT r.rolbypassrls AS bypass_rls,
       r.rolconnlimit AS connection_limit,
       (SELECT pg_catalog.count(*)::int4 FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid) AS connections,
       -- 'infinity' less a time is no interval before 17.
       CASE WHEN r.rolvaliduntil <> 'infinity'::timestamptz
            THEN extract(epoch FROM r.rolvaliduntil - pg_catalog.now())::int8 END AS valid_for_s,
       pg_catalog.version() AS version_text,
       coalesce((SELECT s.ssl FROM pg_catalog.pg_stat_ssl s WHERE s.pid = pg_catalog.pg_backend_pid()), false) AS encrypted,
       (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::int8 AS clock_ms,
       pg_catalog.pg_backend_pid() AS pid,
       pg_catalog.inet_server_addr()::text AS address,
       coalesce((SELECT s.enumvals FROM pg_catalog.pg_settings s WHERE s.name = 'default_toast_compression'), '{}') AS compressions,
       coalesce((SELECT pg_catalog.array_agg(g.rolname::text ORDER BY g.rolname) FROM pg_catalog.pg_roles g
                  WHERE g.rolname IN ('rdsadmin', 'rds_superuser', 'cloudsqlsuperuser', 'cloudsqladmin', 'alloydbsuperuser',
                                      'alloydbadmin', 'azure_pg_admin', 'azuresu', 'avnadmin', 'supabase_admin',
                                      'neon_superuser', 'cloud_admin')), '{}') AS provider_roles,
       coalesce((SELECT pg_catalog.array_agg(g.rolname::text ORDER BY g.rolname) FROM pg_catalog.pg_roles g
                  WHERE g.oid <> r.oid AND pg_catalog.pg_has_role(r.oid, g.oid, 'USAGE')
                    AND g.rolname ~ '^(pg_|rds|cloudsql|alloydb|azure|neon|supabase)'), '{}') AS member_of
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = CURRENT_USER
