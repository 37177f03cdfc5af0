-- What would fire while rows are loaded into existing tables, or while those are emptied. With
-- session_replication_role = replica only those that are ENABLE ALWAYS or ENABLE REPLICA still do; without it what
-- watches over INSERT and TRUNCATE (bits 2 and 5 of tgtype), the check of a foreign key among it. From 10.
SELECT DISTINCT n.nspname::text AS schema, c.relname::text AS name,
       CASE WHEN k.oid IS NOT NULL THEN 'foreign key ' || k.conname ELSE t.tgname::text END AS trigger_name,
       t.tgenabled IN ('A', 'R') AS fires_as_replica
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint AND k.contype = 'f'
 WHERE t.tgenabled <> 'D' AND (NOT t.tgisinternal OR k.oid IS NOT NULL
        -- Before 15 a trigger that a partition has from its parent counts as internal.
        OR coalesce((pg_catalog.to_jsonb(t) ->> 'tgparentid')::int8, 0) <> 0)
   AND (t.tgenabled IN ('A', 'R') OR t.tgtype::int4 & 36 <> 0)
 ORDER BY 1, 2, 3
