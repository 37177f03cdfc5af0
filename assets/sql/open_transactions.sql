-- Which transactions on this server, of whatever database, have written something and would keep a slot waiting? The
-- oldest 50; a pid of 0 is a prepared one, with its name as the query. From 10.
SELECT a.pid, coalesce(a.usename::text, '') AS user_name, coalesce(a.application_name, '') AS application,
       coalesce(a.datname::text, '') AS database, coalesce(a.state, '') AS state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::int8 AS transaction_age_s,
       pg_catalog.left(coalesce(a.query, ''), 80) AS query
  FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
UNION ALL
SELECT 0, p.owner::text, '', p.database::text, 'prepared',
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::int8, pg_catalog.left(p.gid, 80)
  FROM pg_catalog.pg_prepared_xacts p
 ORDER BY 6 DESC NULLS LAST, 1
 LIMIT 50
