-- The database of the name $1 (text): its number, its owner, the migration that made it and has not ended it, its comment
-- without what says so, and who is in it, a row for each session, or one without. From 10.
-- Workers of the server's own, as those of autovacuum, have no user: they make way for a DROP DATABASE by themselves.
SELECT d.oid::int8 AS oid, pg_catalog.pg_get_userbyid(d.datdba)::text AS owner, a.pid,
       (pg_catalog.regexp_match(m.comment, '^pgpassage ([^ ]+): not finished($|[\n])'))[1] AS made_by,
       nullif(pg_catalog.regexp_replace(m.comment, '^pgpassage ([^ ]+): not finished($|[\n])', ''), '') AS comment,
       coalesce(a.usename::text, '') AS user_name, coalesce(a.application_name, '') AS application
  FROM pg_catalog.pg_database d
 CROSS JOIN LATERAL (SELECT pg_catalog.shobj_description(d.oid, 'pg_database') AS comment) m
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.datid = d.oid AND a.usesysid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
 WHERE d.datname::text = $1::text
 ORDER BY a.pid
