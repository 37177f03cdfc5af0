-- Which of the processes $1 (int4[]) wait for a lock, for which one, and whom do they wait for? From 10.
-- Only of those that wait it is asked whom they wait for: the answer holds up the server's table of locks for a moment.
-- A pid of 0 is a prepared transaction. What another one's session does is NULL where we may not see it.
SELECT DISTINCT w.pid AS waiting, coalesce(l.mode, '') AS mode,
       n.nspname::text AS schema, c.relname::text AS name,
       b.pid, coalesce(a.usename::text, '') AS user_name, coalesce(a.application_name, '') AS application,
       coalesce(a.state, '') AS state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int8 AS transaction_age_s
  FROM pg_catalog.pg_stat_activity w
 CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b(pid)
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
  LEFT JOIN pg_catalog.pg_locks l ON l.pid = w.pid AND NOT l.granted
  LEFT JOIN pg_catalog.pg_class c
    ON c.oid = l.relation
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE w.pid = ANY ($1::int4[]) AND w.wait_event_type = 'Lock'
 ORDER BY w.pid, b.pid
