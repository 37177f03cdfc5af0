-- Rows of every table (ONLY) and populated materialized view: number and an order-independent hash, one statement each,
-- written by the server itself so that no name makes a round trip. Records print through the types' output functions
-- (concat), never through a user's casts, columns in the order of their names, since pg_dump cannot always keep theirs;
-- large values enter as their md5, so that rows of hundreds of MB fit.
WITH RECURSIVE base(oid, typ) AS (
    SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typtype <> 'd'
    UNION ALL
    SELECT d.oid, b.typ FROM base b JOIN pg_catalog.pg_type d ON d.typtype = 'd' AND d.typbasetype = b.oid
), enums AS (
    -- Hash partitions by an enum: the hash is that of the label's OID, so the rows lie in other partitions on every server.
    SELECT p.partrelid AS rel FROM pg_catalog.pg_partitioned_table p
    WHERE p.partstrat = 'h' AND EXISTS (SELECT FROM unnest(p.partclass) k(oid) JOIN pg_catalog.pg_opclass o ON o.oid = k.oid
                                        WHERE o.opcintype = 'anyenum'::regtype)
), config AS (
    SELECT u.rel, coalesce(e.extcondition[u.n], '') AS condition
    FROM pg_catalog.pg_extension e CROSS JOIN LATERAL unnest(e.extconfig) WITH ORDINALITY u(rel, n)
)
SELECT format(
    $f$SELECT %L || chr(31) || 'count=' || count(*) || chr(30) || 'hash='
        || coalesce(sum(hashtextextended(r, 0)::numeric), 0) || ' ' || coalesce(sum(hashtextextended(r, 4711)::numeric), 0)
       FROM (SELECT concat(ROW(%s)) COLLATE "C" AS r FROM %s %I.%I %s) x$f$,
    'rows' || chr(31) || replace(replace(format('%I.%I', n.nspname, c.relname), '\', '\\'), chr(10), '\n'),
    (SELECT string_agg(
            CASE WHEN b.typ = 'bytea'::regtype THEN format('length(%I), md5(%I)', a.attname, a.attname)
                 WHEN b.typ IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'json'::regtype, 'xml'::regtype)
                 THEN format('CASE WHEN octet_length(concat(%I)) > 1000000 THEN md5(concat(%I)) WHEN %I IS NOT NULL THEN concat(%I) END',
                             a.attname, a.attname, a.attname, a.attname)
                 ELSE format('%I', a.attname) END, ', ' ORDER BY a.attname)
       FROM pg_catalog.pg_attribute a LEFT JOIN base b ON b.oid = a.atttypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY' END, n.nspname, c.relname, k.condition)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN config k ON k.rel = c.oid
WHERE (c.relkind IN ('r', 'm') OR c.oid IN (SELECT e.rel FROM enums e))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) a(rel) JOIN enums e ON e.rel = a.rel WHERE a.rel <> c.oid)
  AND c.relispopulated AND c.relpersistence <> 't'
  AND (c.oid >= 16384 AND n.nspname <> 'pg_toast' OR k.rel IS NOT NULL)
  AND (k.rel IS NOT NULL OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                                        AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'))
\gexec

-- Positions of the sequences; those of extensions only where the extension gives them to pg_dump.
SELECT format($f$SELECT %L || chr(31) || 'last_value=' || last_value || chr(30) || 'is_called=' || is_called FROM %I.%I$f$,
    'sequence position' || chr(31) || replace(replace(format('%I.%I', n.nspname, c.relname), '\', '\\'), chr(10), '\n'),
    n.nspname, c.relname)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.oid >= 16384 AND c.relpersistence <> 't'
  AND (EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig))
    OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                   AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'))
\gexec

-- Large objects: their bytes (holes read as zeros); beyond 256 MB their pages.
SELECT 'large object' || chr(31) || m.oid || chr(31) || 'last page=' || coalesce(p.last, -1) || chr(30) || 'content='
    || CASE WHEN coalesce(p.last, 0) < 131072 THEN md5(pg_catalog.lo_get(m.oid))
            ELSE (SELECT sum(pg_catalog.hashtextextended(l.pageno || ' ' || md5(l.data), 0)::numeric)::text
                    FROM pg_catalog.pg_largeobject l WHERE l.loid = m.oid AND l.data <> decode(repeat('00', length(l.data)), 'hex')) END
FROM pg_catalog.pg_largeobject_metadata m
CROSS JOIN LATERAL (SELECT max(l.pageno) AS last FROM pg_catalog.pg_largeobject l WHERE l.loid = m.oid) p;
