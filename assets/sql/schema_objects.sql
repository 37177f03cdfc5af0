-- A hash of the definition of each relation and type, to find out what has changed. From 10.
-- Compares a database with itself at another time: the hashes hold OIDs. What we change ourselves (replica identities,
-- publications), statistics and storage are not in it. Reads the catalogs alone, so no lock on a table is waited for.
SELECT c.oid::int8 AS oid,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                      WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'index' END AS kind,
       n.nspname::text AS schema, c.relname::text AS name,
       pg_catalog.md5(pg_catalog.concat_ws('|', c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition,
         c.relpartbound::text, a.definition, k.definition, i.definition, r.definition)) AS hash
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT a.attrelid,
                    pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
                      a.attidentity, pg_catalog.to_jsonb(a) ->> 'attgenerated', a.attcollation, a.attisdropped,
                      pg_catalog.md5(f.adbin::text)), ',' ORDER BY a.attnum) AS definition
               FROM pg_catalog.pg_attribute a
               LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
              WHERE a.attnum > 0 GROUP BY a.attrelid) a ON a.attrelid = c.oid
  LEFT JOIN (SELECT k.conrelid,
                    pg_catalog.string_agg(pg_catalog.concat_ws(' ', k.oid, k.conname, k.contype, k.condeferrable, k.condeferred,
                      k.convalidated, k.confrelid, k.confupdtype, k.confdeltype, k.confmatchtype, k.conkey::text,
                      k.confkey::text, pg_catalog.md5(k.conbin::text)), ',' ORDER BY k.oid) AS definition
               FROM pg_catalog.pg_constraint k
              WHERE k.conrelid <> 0 GROUP BY k.conrelid) k ON k.conrelid = c.oid
  LEFT JOIN (SELECT i.indexrelid,
                    pg_catalog.concat_ws(' ', i.indrelid, i.indkey::text, i.indclass::text, i.indcollation::text,
                      i.indoption::text, i.indisunique, i.indisprimary, i.indimmediate, i.indisvalid,
                      pg_catalog.to_jsonb(i) ->> 'indnkeyatts', pg_catalog.md5(i.indexprs::text),
                      pg_catalog.md5(i.indpred::text)) AS definition
               FROM pg_catalog.pg_index i) i ON i.indexrelid = c.oid
  LEFT JOIN (SELECT r.ev_class,
                    pg_catalog.string_agg(pg_catalog.concat_ws(' ', r.rulename, r.ev_type, r.is_instead,
                      pg_catalog.md5(r.ev_action::text)), ',' ORDER BY r.oid) AS definition
               FROM pg_catalog.pg_rewrite r GROUP BY r.ev_class) r ON r.ev_class = c.oid
 WHERE c.relpersistence <> 't' AND c.relkind <> 't'
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT t.oid::int8, 'type', n.nspname::text, t.typname::text,
       pg_catalog.md5(pg_catalog.concat_ws('|', t.oid, n.nspname, t.typname, t.typbasetype, t.typtypmod, t.typnotnull,
         t.typdefault, k.definition, e.labels))
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN (SELECT k.contypid,
                    pg_catalog.string_agg(pg_catalog.concat_ws(' ', k.oid, k.conname, k.convalidated,
                      pg_catalog.md5(k.conbin::text)), ',' ORDER BY k.oid) AS definition
               FROM pg_catalog.pg_constraint k WHERE k.contypid <> 0 GROUP BY k.contypid) k ON k.contypid = t.oid
  LEFT JOIN (SELECT e.enumtypid, pg_catalog.string_agg(e.enumlabel::text, ',' ORDER BY e.enumsortorder) AS labels
               FROM pg_catalog.pg_enum e GROUP BY e.enumtypid) e ON e.enumtypid = t.oid
 WHERE t.typtype IN ('d', 'e')
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
 ORDER BY 1
