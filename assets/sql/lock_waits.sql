-- Who keeps us from reading the given tables? $1: int8[] of table OIDs, empty for all tables. From 10.
-- Whoever has the lock, whoever waits for it (a reader queues up behind him), and those that he waits for.
WITH exclusive AS (
    SELECT DISTINCT l.pid
      FROM pg_catalog.pg_locks l
      JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p') AND c.relpersistence IN ('p', 'u')
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
       AND (pg_catalog.cardinality($1::int8[]) = 0 OR l.relation = ANY ($1::int8[]::oid[]))
), involved AS (
    SELECT x.pid FROM exclusive x
  UNION
    SELECT b.pid FROM exclusive x CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(x.pid)) AS b(pid)
)
SELECT i.pid, coalesce(a.usename::text, '') AS user_name, coalesce(a.application_name, '') AS application,
       coalesce(a.state, '') AS state, pg_catalog.left(coalesce(a.query, ''), 80) AS query
  FROM involved i
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = i.pid
 WHERE a.application_name IS DISTINCT FROM pg_catalog.current_setting('application_name')
