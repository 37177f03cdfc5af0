-- The names of the tablespaces. From 10.
SELECT t.spcname::text AS name FROM pg_catalog.pg_tablespace t
