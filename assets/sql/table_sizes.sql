-- How large the given tables are on disk, with TOAST and maps. Locks each of them for a moment, and so waits for whoever
-- holds one exclusively: to be asked once they are locked. $1: int8[] of table OIDs. From 10.
SELECT t.oid AS oid, pg_catalog.pg_table_size(t.oid::oid) AS size_bytes
  FROM pg_catalog.unnest($1::int8[]) t(oid)
