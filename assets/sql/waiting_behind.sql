-- Who waits for a lock that the session with the given pid holds? $1: its pid as int4. From 10.
SELECT a.pid::int4 AS pid,
       coalesce(a.usename::text, '') AS user_name,
       coalesce(a.application_name, '') AS application,
       coalesce(a.datname::text, '') AS database,
       coalesce(a.state, '') AS state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int8 AS transaction_age_s,
       coalesce(pg_catalog.left(a.query, 80), '') AS query
  FROM pg_catalog.pg_stat_activity a
 WHERE $1::int4 = ANY (pg_catalog.pg_blocking_pids(a.pid))
 ORDER BY a.pid
