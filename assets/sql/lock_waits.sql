-- Who holds a lock on the given tables that keeps us from reading them? $1: int8[] of table OIDs. From 10.
SELECT DISTINCT l.pid, coalesce(a.usename::text, '') AS user_name, coalesce(a.application_name, '') AS application,
       coalesce(a.state, '') AS state, pg_catalog.left(coalesce(a.query, ''), 80) AS query
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
   AND l.relation = ANY ($1::int8[]::oid[])
