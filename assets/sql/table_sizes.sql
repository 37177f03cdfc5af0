-- How large the given tables are on disk, with TOAST and maps, and how many blocks their rows alone have where they are
-- kept in a heap (NULL elsewhere). Locks each of them for a moment, and so waits for whoever holds one exclusively: to be
-- asked once they are locked. $1: int8[] of table OIDs. From 10.
SELECT c.oid::int8 AS oid,
       pg_catalog.pg_table_size(c.oid) AS size_bytes,
       -- Before 12 there was nothing else.
       CASE WHEN coalesce((SELECT a.amname = 'heap' FROM pg_catalog.pg_am a
                            WHERE a.oid = (pg_catalog.to_jsonb(c) ->> 'relam')::pg_catalog.oid), true)
            THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8
       END AS heap_blocks
  FROM pg_catalog.pg_class c
 WHERE c.oid = ANY (ARRAY(SELECT t.oid::pg_catalog.oid FROM pg_catalog.unnest($1::int8[]) t(oid)))
