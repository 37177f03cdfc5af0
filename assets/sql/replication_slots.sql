-- The replication slots of this server, of whatever database, whose names begin with $1 (text; empty for all), how far
-- they are and what they cost. From 10.
SELECT s.slot_name::text AS name, s.database::text AS database, s.slot_type AS slot_type, s.plugin::text AS plugin,
       s.temporary AS temporary, s.active AS active, s.active_pid AS active_pid,
       s.restart_lsn::text AS restart_lsn, s.confirmed_flush_lsn::text AS confirmed_flush_lsn,
       -- NULL before 13: then nothing takes a slot's log away.
       pg_catalog.to_jsonb(s) ->> 'wal_status' AS wal_status,
       (pg_catalog.to_jsonb(s) ->> 'safe_wal_size')::int8 AS safe_wal_bytes,
       pg_catalog.to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason,
       pg_catalog.pg_wal_lsn_diff(w.position, s.restart_lsn)::int8 AS retained_bytes
  FROM pg_catalog.pg_replication_slots s
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                         ELSE pg_catalog.pg_current_wal_insert_lsn() END AS position) w
 WHERE pg_catalog.left(s.slot_name::text, pg_catalog.length($1::text)) = $1::text
 ORDER BY 1
