-- The subscriptions of this server, of whatever database, whose names begin with $1 (text; empty for all), and how their
-- workers fare. The connection string is never asked for: it may hold a password. From 10.
SELECT s.subname::text AS name, d.datname::text AS database,
       pg_catalog.pg_get_userbyid(s.subowner)::text AS owner,
       pg_catalog.pg_has_role(s.subowner, 'USAGE') AS owned,
       s.subenabled AS enabled, s.subslotname::text AS slot, s.subpublications AS publications,
       w.pid AS worker_pid, w.received_lsn::text AS received_lsn, w.latest_end_lsn::text AS latest_end_lsn,
       (extract(epoch FROM pg_catalog.clock_timestamp() - w.latest_end_time) * 1000)::int8 AS latest_end_age_ms
  FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
  -- Its main worker: not one that copies a table, nor one that helps with a large transaction (from 16). By name, because
  -- before 14 only superusers may see the OID; unknown where two databases have a subscription of that name.
  LEFT JOIN LATERAL (SELECT v.pid, v.received_lsn, v.latest_end_lsn, v.latest_end_time
                       FROM pg_catalog.pg_stat_subscription v
                      WHERE v.subname = s.subname AND v.pid IS NOT NULL AND v.relid IS NULL
                        AND pg_catalog.to_jsonb(v) ->> 'leader_pid' IS NULL
                        AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription x
                                         WHERE x.subname = s.subname AND x.subdbid <> s.subdbid)
                      LIMIT 1) w ON true
 WHERE pg_catalog.left(s.subname::text, pg_catalog.length($1::text)) = $1::text
 ORDER BY 1, 2
