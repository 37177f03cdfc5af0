-- Who has a lock on this database's tables, or has written to them, that goes with changing rows? From 10.
-- One row a session, the oldest transaction first, 50 at most; a pid of 0 is a prepared transaction. $1 (int4[]): pids
-- to leave out. A table that its transaction has made itself is not visible yet and does not count.
SELECT coalesce(l.pid, 0) AS pid, coalesce(a.usename::text, '') AS user_name,
       coalesce(a.application_name, '') AS application, coalesce(a.datname::text, '') AS database,
       coalesce(a.state, '') AS state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int8 AS transaction_age_s,
       pg_catalog.left(coalesce(a.query, ''), 80) AS query
  FROM (SELECT DISTINCT k.pid, k.virtualtransaction
          FROM pg_catalog.pg_locks k
          JOIN pg_catalog.pg_class c ON c.oid = k.relation AND c.relkind IN ('r', 'p') AND c.oid >= 16384
           AND c.relpersistence <> 't'
         WHERE k.locktype = 'relation' AND k.granted
           AND k.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
           AND k.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
           AND k.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()) l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.pid IS NULL OR l.pid <> ALL ($1::int4[])
 ORDER BY a.xact_start, 1
 LIMIT 50
