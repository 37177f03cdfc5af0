-- What of this database can only be made by a superuser, or not at all on a newer version? From 10.
-- What belongs to an extension comes with it.
WITH member AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
), found AS (
    SELECT 'cast' AS kind, NULL::text AS schema,
           pg_catalog.format('cast from %s to %s', pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL))
             AS name, c.oid, 'pg_catalog.pg_cast'::pg_catalog.regclass::oid AS class
      FROM pg_catalog.pg_cast c WHERE c.oid >= 16384 AND c.castmethod = 'b'
    UNION ALL
    SELECT 'text search parser', n.nspname::text, p.prsname::text, p.oid, 'pg_catalog.pg_ts_parser'::pg_catalog.regclass
      FROM pg_catalog.pg_ts_parser p JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace WHERE p.oid >= 16384
    UNION ALL
    SELECT 'text search template', n.nspname::text, t.tmplname::text, t.oid, 'pg_catalog.pg_ts_template'::pg_catalog.regclass
      FROM pg_catalog.pg_ts_template t JOIN pg_catalog.pg_namespace n ON n.oid = t.tmplnamespace WHERE t.oid >= 16384
    UNION ALL
    SELECT 'base type', n.nspname::text, t.typname::text, t.oid, 'pg_catalog.pg_type'::pg_catalog.regclass
      FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE t.oid >= 16384 AND t.typtype = 'b' AND t.typcategory <> 'A'
    UNION ALL
    SELECT 'operator class', n.nspname::text, o.opcname::text, o.oid, 'pg_catalog.pg_opclass'::pg_catalog.regclass
      FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid >= 16384
    UNION ALL
    SELECT CASE WHEN l.lanname IN ('c', 'internal') THEN 'C function' WHEN NOT l.lanpltrusted THEN 'untrusted function' ELSE 'leakproof function' END,
           n.nspname::text, p.proname::text, p.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_catalog.pg_language l ON l.oid = p.prolang
     WHERE p.oid >= 16384 AND n.nspname !~ '^pg_temp' AND (p.proleakproof OR NOT l.lanpltrusted)
    UNION ALL
    SELECT 'postfix operator', n.nspname::text, o.oprname::text, o.oid, 'pg_catalog.pg_operator'::pg_catalog.regclass
      FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
     WHERE o.oid >= 16384 AND o.oprright = 0 AND o.oprkind = 'r'
    UNION ALL
    SELECT 'conversion', n.nspname::text, c.conname::text, c.oid, 'pg_catalog.pg_conversion'::pg_catalog.regclass
      FROM pg_catalog.pg_conversion c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
     -- The server's own functions have changed with it.
     WHERE c.oid >= 16384 AND c.conproc::oid >= 16384
    UNION ALL
    SELECT 'array aggregate', n.nspname::text, p.proname::text, p.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass
      FROM pg_catalog.pg_aggregate a
      JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_catalog.pg_proc f ON f.oid = a.aggtransfn
      JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace AND fn.nspname = 'pg_catalog'
     WHERE p.oid >= 16384 AND pg_catalog.format_type(a.aggtranstype, NULL) IN ('anyarray', 'anyelement')
       AND f.proname IN ('array_append', 'array_cat', 'array_prepend', 'array_remove', 'array_replace', 'array_position',
                         'array_positions', 'width_bucket')
    UNION ALL
    SELECT 'array operator', n.nspname::text, o.oprname::text, o.oid, 'pg_catalog.pg_operator'::pg_catalog.regclass
      FROM pg_catalog.pg_operator o
      JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
      JOIN pg_catalog.pg_proc f ON f.oid = o.oprcode
      JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace AND fn.nspname = 'pg_catalog'
     WHERE o.oid >= 16384 AND pg_catalog.format_type(o.oprleft, NULL) IN ('anyarray', 'anyelement')
       AND f.proname IN ('array_append', 'array_cat', 'array_prepend', 'array_remove', 'array_replace', 'array_position',
                         'array_positions', 'width_bucket')
)
SELECT f.kind, coalesce(f.schema, '') AS schema, f.name, NULL::text AS part,
       -- Its library.
       CASE f.kind WHEN 'C function' THEN (SELECT p.probin FROM pg_catalog.pg_proc p WHERE p.oid = f.oid) END::text AS detail
  FROM found f
 WHERE coalesce(f.schema, '') NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM member m WHERE m.classid = f.class AND m.objid = f.oid)
 ORDER BY 1, 2, 3
 LIMIT 10000
