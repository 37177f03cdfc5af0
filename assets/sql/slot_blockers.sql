-- Whom does the process $1 (int4), which makes a slot, wait for? From 10.
-- A pid of 0 is a prepared transaction. What another one's session does is NULL where we may not see it.
SELECT DISTINCT b.pid, coalesce(a.usename::text, '') AS user_name, coalesce(a.application_name, '') AS application,
       coalesce(a.datname::text, '') AS database, coalesce(a.state, '') AS state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int8 AS transaction_age_s,
       pg_catalog.left(coalesce(a.query, ''), 80) AS query
  FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::int4)) AS b(pid)
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
 ORDER BY b.pid
