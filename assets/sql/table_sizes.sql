-- How large the given tables are on disk, with TOAST, and how many blocks their rows alone have where they are kept in a
-- heap (NULL elsewhere). Locks each of them for a moment, and so waits for whoever holds one exclusively: to be asked once
-- they are locked. The maps are left out: for thousands of tables each file that is looked at counts. $1: int8[] of table
-- OIDs. From 10.
SELECT c.oid::int8 AS oid,
       pg_catalog.pg_relation_size(c.oid)
         + CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE coalesce(pg_catalog.pg_relation_size(c.reltoastrelid), 0) END
         AS size_bytes,
       -- Before 12 tables had no access method, and there was nothing but the heap.
       CASE WHEN a.amname IS NULL OR a.amname = 'heap'
            THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8
       END AS heap_blocks
  FROM pg_catalog.pg_class c
  LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
 WHERE c.oid = ANY (ARRAY(SELECT t.oid::pg_catalog.oid FROM pg_catalog.unnest($1::int8[]) t(oid)))
