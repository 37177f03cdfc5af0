-- Which tables refer to which by a foreign key, be it validated or not? Those of partitions are part of their root's. One
-- row for each foreign key, with whether an index has the referring rows in the order of the key. From 10.
SELECT k.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name,
       rn.nspname::text AS referenced_schema, rc.relname::text AS referenced_name,
       EXISTS (SELECT FROM pg_catalog.pg_index i
                 JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
                 JOIN pg_catalog.pg_am a ON a.oid = ic.relam
                WHERE i.indrelid = k.conrelid AND a.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL
                  -- Columns that are only included are in no order; the count of others is there from 11 on.
                  AND coalesce((pg_catalog.to_jsonb(i) ->> 'indnkeyatts')::int, i.indnatts)
                      >= pg_catalog.cardinality(k.conkey)
                  -- Counted from 0; an expression is column 0, which no key has.
                  AND (i.indkey::int2[])[0:pg_catalog.cardinality(k.conkey) - 1] @> k.conkey) AS in_order
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class rc ON rc.oid = k.confrelid
  JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace
 WHERE k.contype = 'f' AND coalesce((pg_catalog.to_jsonb(k) ->> 'conparentid')::int8, 0) = 0
 ORDER BY 2, 3, 4, 5
