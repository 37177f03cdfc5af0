-- What would fire while rows are loaded into existing tables. With session_replication_role = replica only those
-- that are ENABLE ALWAYS or ENABLE REPLICA still do. From 10.
SELECT n.nspname::text AS schema, c.relname::text AS name, t.tgname::text AS trigger_name,
       t.tgenabled IN ('A', 'R') AS fires_as_replica
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgenabled <> 'D'
   AND (NOT t.tgisinternal OR EXISTS (SELECT FROM pg_catalog.pg_constraint k
                                       WHERE k.oid = t.tgconstraint AND k.contype = 'f'))
 ORDER BY 1, 2, 3
