-- How far behind is whoever reads from the slot $1 (text)? One row; none where the slot is gone. From 10.
-- What the walsender says is NULL where nobody reads, and where we may not see it (pg_monitor may). A lag is NULL too
-- while nothing has happened for some time.
SELECT w.position::text AS position, s.confirmed_flush_lsn::text AS confirmed_flush_lsn,
       pg_catalog.pg_wal_lsn_diff(w.position, s.confirmed_flush_lsn)::int8 AS lag_bytes,
       pg_catalog.pg_wal_lsn_diff(w.position, s.restart_lsn)::int8 AS retained_bytes,
       s.active AS active, s.active_pid AS active_pid,
       pg_catalog.to_jsonb(s) ->> 'wal_status' AS wal_status,
       (pg_catalog.to_jsonb(s) ->> 'safe_wal_size')::int8 AS safe_wal_bytes,
       pg_catalog.to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason,
       r.state AS sender_state, r.sent_lsn::text AS sent_lsn, r.replay_lsn::text AS replay_lsn,
       (extract(epoch FROM r.write_lag) * 1000)::int8 AS write_lag_ms,
       (extract(epoch FROM r.flush_lag) * 1000)::int8 AS flush_lag_ms,
       (extract(epoch FROM r.replay_lag) * 1000)::int8 AS replay_lag_ms
  FROM pg_catalog.pg_replication_slots s
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                         ELSE pg_catalog.pg_current_wal_insert_lsn() END AS position) w
  LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid
 WHERE s.slot_name = $1::text::name
