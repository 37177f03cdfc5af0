-- What building the indexes of the given tables will take: how large each was when it was last vacuumed, analyzed or
-- built (asking for its size now would wait for a REINDEX), its access method, and the constraint that it stands behind.
-- $1: int8[] of table OIDs. From 10.
SELECT i.indexrelid::int8 AS oid,
       i.indrelid::int8 AS table_oid,
       k.oid::int8 AS constraint_oid,
       c.relpages::int8 * pg_catalog.current_setting('block_size')::int8 AS size_bytes,
       a.amname::text AS access_method
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am a ON a.oid = c.relam
  LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
 WHERE i.indrelid = ANY (ARRAY(SELECT t.oid::pg_catalog.oid FROM pg_catalog.unnest($1::int8[]) t(oid)))
