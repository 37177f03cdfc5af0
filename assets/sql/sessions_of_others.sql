-- How many sessions of others are in the database of the name $1 (text)? From 10.
-- What serves replication, ours or anybody's, is none of them, and neither is a worker of the server's own. Of a session
-- that our user may not look into, the kind is not shown: it counts as somebody's.
SELECT count(*) AS sessions
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname::text = $1::text AND a.usesysid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
   AND coalesce(a.backend_type, 'client backend') = 'client backend'
   AND coalesce(a.application_name, '') NOT LIKE 'pgpassage%'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = a.pid)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_subscription s WHERE s.pid = a.pid)
