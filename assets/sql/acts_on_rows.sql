-- What acts when rows of a table are deleted and come anew, foreign keys aside: triggers that watch over INSERT or DELETE
-- (bits 2 and 3 of tgtype), and rules for DELETE; none that are disabled. When it fires: O where rows are nobody's copies, R
-- where they are (session_replication_role), A always. Who owns the table can switch off what is not fixed: before 15 a
-- trigger that a partition has from its parent counts as internal. From 10.
SELECT n.nspname::text AS schema, c.relname::text AS name, t.tgname::text AS act_name, t.tgenabled::text AS fires,
       false AS is_rule, t.tgisinternal AS fixed, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint
 WHERE t.tgenabled <> 'D' AND t.tgtype::int4 & 12 <> 0
   AND (NOT t.tgisinternal OR t.tgconstraint = 0 OR k.contype = 't')
UNION ALL
SELECT n.nspname::text, c.relname::text, r.rulename::text, r.ev_enabled::text, true, false,
       pg_catalog.pg_has_role(c.relowner, 'USAGE')
  FROM pg_catalog.pg_rewrite r
  JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE r.ev_type = '4' AND r.ev_enabled <> 'D'
 ORDER BY 1, 2, 3
