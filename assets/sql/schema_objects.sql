-- A hash of the definition of each relation, type, function, trigger, policy, schema, extension and event trigger, owners
-- and privileges included, to find out what has changed. From 10.
-- Compares a database with itself at another time: the hashes hold OIDs. What we change ourselves (replica identities,
-- publications), statistics and storage are not in it, nor an extension's functions and types. Reads the catalogs alone,
-- so no lock on a table is waited for. An index goes by its name, and its OID is 0: REINDEX CONCURRENTLY gives it another,
-- and has helpers meanwhile.
SELECT CASE WHEN c.relkind IN ('i', 'I') THEN 0 ELSE c.oid::int8 END AS oid,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                      WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'index' END AS kind,
       n.nspname::text AS schema, c.relname::text AS name,
       pg_catalog.md5(pg_catalog.concat_ws('|', CASE WHEN c.relkind IN ('i', 'I') THEN NULL ELSE c.oid END, n.nspname, c.relname,
         c.relkind, c.relpersistence, c.relispartition, c.relowner, coalesce(c.relacl::text, '-'), c.relrowsecurity,
         c.relforcerowsecurity, c.relpartbound::text, a.definition, k.definition, i.definition, r.definition,
         s.definition)) AS hash
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT a.attrelid,
                    pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
                      a.attidentity, pg_catalog.to_jsonb(a) ->> 'attgenerated', a.attcollation, a.attisdropped, coalesce(a.attacl::text, '-'),
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
  LEFT JOIN (SELECT s.seqrelid, pg_catalog.to_jsonb(s)::text AS definition
               FROM pg_catalog.pg_sequence s) s ON s.seqrelid = c.oid
 WHERE c.relpersistence <> 't' AND c.relkind <> 't'
   AND NOT (c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$'
            AND EXISTS (SELECT FROM pg_catalog.pg_index h WHERE h.indexrelid = c.oid AND NOT h.indisvalid))
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT t.oid::int8, 'type', n.nspname::text, t.typname::text,
       pg_catalog.md5(pg_catalog.concat_ws('|', t.oid, n.nspname, t.typname, t.typbasetype, t.typtypmod, t.typnotnull,
         t.typdefault, t.typowner, coalesce(t.typacl::text, '-'), k.definition, e.labels, g.definition))
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN (SELECT k.contypid,
                    pg_catalog.string_agg(pg_catalog.concat_ws(' ', k.oid, k.conname, k.convalidated,
                      pg_catalog.md5(k.conbin::text)), ',' ORDER BY k.oid) AS definition
               FROM pg_catalog.pg_constraint k WHERE k.contypid <> 0 GROUP BY k.contypid) k ON k.contypid = t.oid
  LEFT JOIN (SELECT e.enumtypid, pg_catalog.string_agg(e.enumlabel::text, ',' ORDER BY e.enumsortorder) AS labels
               FROM pg_catalog.pg_enum e GROUP BY e.enumtypid) e ON e.enumtypid = t.oid
  LEFT JOIN (SELECT g.rngtypid, pg_catalog.to_jsonb(g)::text AS definition FROM pg_catalog.pg_range g) g
         ON g.rngtypid = t.oid
 WHERE t.typtype IN ('d', 'e', 'r')
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e')
UNION ALL
-- The constructors of a range type belong to it.
SELECT p.oid::int8, 'function', n.nspname::text,
       p.proname::text || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
       pg_catalog.md5(pg_catalog.concat_ws('|', pg_catalog.to_jsonb(p)::text, a.definition))
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN (SELECT a.aggfnoid, pg_catalog.to_jsonb(a)::text AS definition FROM pg_catalog.pg_aggregate a
              WHERE a.aggfnoid::pg_catalog.oid >= 16384) a ON a.aggfnoid = p.oid
 WHERE p.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                      AND d.deptype IN ('e', 'i'))
UNION ALL
SELECT t.oid::int8, 'trigger', n.nspname::text, t.tgname::text || ' on ' || c.relname::text,
       pg_catalog.md5(pg_catalog.to_jsonb(t)::text)
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid AND c.relpersistence <> 't'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT p.oid::int8, 'policy', n.nspname::text, p.polname::text || ' on ' || c.relname::text,
       pg_catalog.md5(pg_catalog.to_jsonb(p)::text)
  FROM pg_catalog.pg_policy p
  JOIN pg_catalog.pg_class c ON c.oid = p.polrelid AND c.relpersistence <> 't'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT n.oid::int8, 'schema', '', n.nspname::text, pg_catalog.md5(pg_catalog.to_jsonb(n)::text)
  FROM pg_catalog.pg_namespace n
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT e.oid::int8, 'extension', '', e.extname::text, pg_catalog.md5(pg_catalog.to_jsonb(e)::text)
  FROM pg_catalog.pg_extension e
UNION ALL
SELECT e.oid::int8, 'event trigger', '', e.evtname::text, pg_catalog.md5(pg_catalog.to_jsonb(e)::text)
  FROM pg_catalog.pg_event_trigger e
 ORDER BY 1
