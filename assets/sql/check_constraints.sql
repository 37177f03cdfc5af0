-- Which constraints, triggers and rules of this database need a word before they are moved? From 10.
WITH own AS (
    SELECT c.oid, c.relname, n.nspname
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
)
(SELECT CASE WHEN k.contype = 'x' THEN 'exclusion' WHEN NOT k.convalidated THEN 'not valid' ELSE 'deferrable key' END AS kind,
        o.nspname::text AS schema, o.relname::text AS name, k.conname::text AS part, k.contype::text AS detail
   FROM pg_catalog.pg_constraint k
   JOIN own o ON o.oid = k.conrelid
  WHERE k.contype = 'x' OR NOT k.convalidated OR (k.contype IN ('p', 'u') AND k.condeferrable) LIMIT 5000)
UNION ALL
(SELECT 'trigger', o.nspname::text, o.relname::text, t.tgname::text, t.tgenabled::text
   FROM pg_catalog.pg_trigger t
   JOIN own o ON o.oid = t.tgrelid
  WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') LIMIT 5000)
UNION ALL
(SELECT 'rule', o.nspname::text, o.relname::text, r.rulename::text, r.ev_enabled::text
   FROM pg_catalog.pg_rewrite r
   JOIN own o ON o.oid = r.ev_class
  WHERE r.rulename <> '_RETURN' AND r.ev_enabled IN ('A', 'R') LIMIT 5000)
UNION ALL
(SELECT DISTINCT 'mixed collations', o.nspname::text, o.relname::text, k.conname::text, NULL
   FROM pg_catalog.pg_constraint k
   JOIN own o ON o.oid = k.conrelid
  CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS c(here, there)
   JOIN pg_catalog.pg_attribute x ON x.attrelid = k.conrelid AND x.attnum = c.here
   JOIN pg_catalog.pg_attribute y ON y.attrelid = k.confrelid AND y.attnum = c.there
   LEFT JOIN pg_catalog.pg_collation cx ON cx.oid = x.attcollation
   LEFT JOIN pg_catalog.pg_collation cy ON cy.oid = y.attcollation
  WHERE k.contype = 'f' AND x.attcollation <> y.attcollation
    AND ((pg_catalog.to_jsonb(cx) ->> 'collisdeterministic') = 'false'
         OR (pg_catalog.to_jsonb(cy) ->> 'collisdeterministic') = 'false') LIMIT 5000)
ORDER BY 1, 2, 3, 4
