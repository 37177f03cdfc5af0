-- The extensions of this database, and their configuration tables. From 10.
SELECT e.extname::text AS name, e.extversion::text AS version, n.nspname::text AS schema,
       coalesce((SELECT pg_catalog.array_agg(pg_catalog.format('%I.%I', cn.nspname, c.relname) ORDER BY x.place)
                   FROM pg_catalog.unnest(e.extconfig) WITH ORDINALITY x(oid, place)
                   JOIN pg_catalog.pg_class c ON c.oid = x.oid AND c.relkind = 'r'
                   JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace), '{}') AS configuration
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 ORDER BY 1
