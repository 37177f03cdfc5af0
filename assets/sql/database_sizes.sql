-- How large the databases named in $1 (text[]) are on disk, of those that we may connect to or read the
-- statistics of. From 10.
-- The server looks at each of their files: 50 ms for 2,000 tables.
SELECT d.datname::text AS name,
       pg_catalog.pg_database_size(d.oid) AS size_bytes
  FROM pg_catalog.pg_database d
 WHERE d.datname::text = ANY ($1::text[])
   AND (pg_catalog.has_database_privilege(d.oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'))
