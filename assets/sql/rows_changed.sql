-- What tells whether anybody has written to this database, for whoever may not lock its tables? One row. From 10.
-- A session tells what it has done up to ten seconds after the end of its transaction. TRUNCATE counts no rows, but gives
-- a table another file. Where nobody counts (track_counts), nothing is known.
SELECT pg_catalog.current_setting('track_counts')::bool AS counted,
       (SELECT coalesce(pg_catalog.sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::int8
          FROM pg_catalog.pg_stat_user_tables s) AS rows,
       (SELECT coalesce(pg_catalog.sum(c.relfilenode::int8), 0)::int8 FROM pg_catalog.pg_class c
         WHERE c.relkind = 'r' AND c.oid >= 16384 AND c.relpersistence <> 't') AS files,
       (SELECT coalesce(pg_catalog.sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::int8
          FROM pg_catalog.pg_stat_sys_tables s WHERE s.relid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)
         AS large_objects
