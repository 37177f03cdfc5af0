-- What would refuse rows that are deleted and come anew, although it lets them stay? Of tables that are our user's. From 10.
-- identity: a publication of this database wants to tell deleted rows apart and cannot, or looks at columns outside of the
-- replica identity ("part" is the index, "setting" the letter of relreplident).
-- constraint: CHECK and, from 18, NOT NULL constraints that were never validated ("part" is the name); none that are
-- inherited or passed on, for those cannot be taken off one table alone.
WITH RECURSIVE published AS (
    SELECT t.oid FROM pg_catalog.pg_publication_tables v
      JOIN pg_catalog.pg_publication p ON p.pubname = v.pubname AND p.pubdelete
      JOIN pg_catalog.pg_namespace s ON s.nspname = v.schemaname
      JOIN pg_catalog.pg_class t ON t.relnamespace = s.oid AND t.relname = v.tablename
    UNION
    -- By their root.
    SELECT h.inhrelid FROM published b
      JOIN pg_catalog.pg_inherits h ON h.inhparent = b.oid
      JOIN pg_catalog.pg_class l ON l.oid = h.inhrelid AND l.relispartition
)
SELECT n.nspname::text AS schema, c.relname::text AS name, 'identity' AS kind, x.relname::text AS part,
       c.relreplident::text AS setting, NULL::text AS comment
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisreplident
  LEFT JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
 WHERE c.relkind = 'r' AND c.oid >= 16384 AND c.relpersistence = 'p' AND c.relreplident <> 'f'
   -- Where its index is gone, the setting could not be put back.
   AND (c.relreplident <> 'i' OR x.oid IS NOT NULL)
   AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
   AND c.oid IN (SELECT b.oid FROM published b)
   AND (c.relreplident = 'n'
        OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index k WHERE k.indrelid = c.oid AND k.indisprimary)
        OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel r WHERE pg_catalog.to_jsonb(r) ->> 'prqual' IS NOT NULL))
UNION ALL
SELECT n.nspname::text, c.relname::text, 'constraint', k.conname::text, pg_catalog.pg_get_constraintdef(k.oid),
       pg_catalog.obj_description(k.oid, 'pg_constraint')
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.oid >= 16384 AND k.contype IN ('c', 'n') AND NOT k.convalidated AND k.coninhcount = 0
   AND coalesce(pg_catalog.to_jsonb(k) ->> 'conenforced', 'true') = 'true'
   AND (k.connoinherit OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid))
   AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
 ORDER BY 1, 2, 3, 4
