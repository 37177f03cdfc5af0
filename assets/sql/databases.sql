-- Every database of this server with what is needed to make it again. From 10.
-- Columns that a version does not have yet come out of to_jsonb as NULL.
SELECT d.datname::text AS name,
       d.datallowconn AS allows_connections,
       d.datistemplate AS is_template,
       pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding,
       d.datcollate::text AS collate,
       d.datctype::text AS ctype,
       coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
       coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale') AS locale,
       pg_catalog.to_jsonb(d) ->> 'daticurules' AS icu_rules,
       pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,
       pg_catalog.has_database_privilege(d.oid, 'CONNECT') AS may_connect,
       (SELECT s.spcname::text FROM pg_catalog.pg_tablespace s WHERE s.oid = d.dattablespace) AS tablespace
  FROM pg_catalog.pg_database d
 ORDER BY d.datname
