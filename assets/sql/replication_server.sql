-- What has this server left for logical replication, as either side, and what may we do? One row. From 10.
-- Counts are of the whole server. A setting that this version does not have is NULL.
WITH setting AS (
    SELECT s.name, s.setting, s.setting::numeric * CASE s.unit WHEN 'ms' THEN 1 WHEN 's' THEN 1000 WHEN 'min' THEN 60000 END
             AS ms
      FROM pg_catalog.pg_settings s
     WHERE s.name IN ('wal_sender_timeout', 'idle_replication_slot_timeout')
)
SELECT coalesce(pg_catalog.current_setting('effective_wal_level', true), pg_catalog.current_setting('wal_level'))
         AS wal_level,
       pg_catalog.current_setting('effective_wal_level', true) IS NOT NULL AS raises_wal_level,
       pg_catalog.current_setting('max_replication_slots')::int4 AS max_slots,
       (SELECT pg_catalog.count(*)::int4 FROM pg_catalog.pg_replication_slots) AS used_slots,
       pg_catalog.current_setting('max_wal_senders')::int4 AS max_senders,
       -- Not pg_stat_activity, which hides from us of what kind the processes of others are.
       (SELECT pg_catalog.count(*)::int4 FROM pg_catalog.pg_stat_get_wal_senders()) AS used_senders,
       pg_catalog.current_setting('max_worker_processes')::int4 AS max_worker_processes,
       pg_catalog.current_setting('max_logical_replication_workers')::int4 AS max_logical_workers,
       (SELECT pg_catalog.count(*)::int4 FROM pg_catalog.pg_stat_subscription w WHERE w.pid IS NOT NULL)
         AS used_logical_workers,
       pg_catalog.current_setting('max_sync_workers_per_subscription')::int4 AS max_sync_workers,
       pg_catalog.current_setting('max_parallel_apply_workers_per_subscription', true)::int4 AS max_parallel_workers,
       -- Before 18 the number of slots was the limit of both.
       coalesce(pg_catalog.current_setting('max_active_replication_origins', true),
                pg_catalog.current_setting('max_replication_slots'))::int4 AS max_origins,
       (SELECT pg_catalog.count(*)::int4 FROM pg_catalog.pg_replication_origin) AS used_origins,
       -- In MB like the setting; -1: without a limit, as before 13.
       coalesce((SELECT s.setting FROM pg_catalog.pg_settings s WHERE s.name = 'max_slot_wal_keep_size'), '-1')::int8
         AS max_slot_wal_keep_mb,
       (SELECT s.ms::int8 FROM setting s WHERE s.name = 'wal_sender_timeout') AS wal_sender_timeout_ms,
       (SELECT s.ms::int8 FROM setting s WHERE s.name = 'idle_replication_slot_timeout') AS idle_slot_timeout_ms,
       r.rolsuper AS superuser,
       r.rolreplication AS replication,
       coalesce((SELECT pg_catalog.pg_has_role(g.oid, 'USAGE') FROM pg_catalog.pg_roles g
                  WHERE g.rolname = 'pg_create_subscription'), r.rolsuper) AS create_subscription,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS create_in_database
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = CURRENT_USER
