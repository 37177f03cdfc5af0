-- How many rows of this database's tables have been changed since its statistics were reset? One row. From 10.
-- A session tells what it has done up to ten seconds after the end of its transaction.
SELECT coalesce(pg_catalog.sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::int8 AS changed
  FROM pg_catalog.pg_stat_user_tables s
