-- Who has an open transaction that has written something, and has opened or is removing large objects of this database?
-- Reading and writing take the same lock, but whoever only reads has no transaction number; a removal locks the object
-- itself. One row a session, the oldest transaction first, 50 at most; a pid of 0 is a prepared transaction. From 10.
SELECT coalesce(l.pid, 0) AS pid, coalesce(a.usename::text, '') AS user_name,
       coalesce(a.application_name, '') AS application, coalesce(a.datname::text, '') AS database,
       coalesce(a.state, '') AS state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int8 AS transaction_age_s,
       pg_catalog.left(coalesce(a.query, ''), 80) AS query
  FROM (SELECT DISTINCT k.pid, k.virtualtransaction
          FROM pg_catalog.pg_locks k
          JOIN pg_catalog.pg_locks x ON x.virtualtransaction = k.virtualtransaction
           AND x.locktype = 'transactionid' AND x.granted AND x.mode = 'ExclusiveLock'
         WHERE k.granted AND k.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
           AND k.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
           AND (k.locktype = 'relation' AND k.relation = 'pg_catalog.pg_largeobject'::pg_catalog.regclass
                  AND k.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                OR k.locktype = 'object' AND k.classid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)) l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 ORDER BY a.xact_start, 1
 LIMIT 50
