-- What could be published, and what tells the rows of each table apart? From 10.
-- Plain and partitioned tables, not the unlogged and temporary ones. A key that a deferrable constraint, a condition, an
-- expression, a column that may be NULL or a generated column (it is not sent) makes unfit counts for nothing.
-- REPLICA IDENTITY FULL compares whole rows on the target: that takes a default btree or hash operator class for every
-- column's type. A type without one spoils arrays of it, domains over it and composites with it.
WITH RECURSIVE tree(oid, root) AS (
    SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.relkind = 'p' AND NOT c.relispartition
  UNION ALL
    SELECT i.inhrelid, t.root FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
), contains(part, whole) AS (
    SELECT t.typbasetype, t.oid FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
    UNION ALL
    SELECT t.typelem, t.oid FROM pg_catalog.pg_type t WHERE t.typcategory = 'A' AND t.typelem <> 0
    UNION ALL
    SELECT a.atttypid, c.reltype
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.reltype <> 0
), incomparable(oid) AS (
    SELECT t.oid
      FROM pg_catalog.pg_type t
     WHERE t.typtype = 'b' AND NOT (t.typcategory = 'A' AND t.typelem <> 0)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_opclass o
                         JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash')
                        WHERE o.opcdefault
                          AND (o.opcintype = t.oid
                               OR EXISTS (SELECT FROM pg_catalog.pg_cast k
                                           WHERE k.castsource = t.oid AND k.casttarget = o.opcintype
                                             AND k.castmethod = 'b' AND k.castcontext = 'i')))
  UNION
    SELECT k.whole FROM incomparable i JOIN contains k ON k.part = i.oid
), columns AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod,
           -- The column is there from 12 on, and what is generated has an expression.
           CASE WHEN a.atthasdef THEN coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') <> '' ELSE false END
             AS generated
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.oid >= 16384
), keys AS (
    SELECT i.indrelid, x.relname::text AS name, i.indisprimary, i.indisexclusion,
           CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END AS in_use,
           coalesce((pg_catalog.to_jsonb(i) ->> 'indnkeyatts')::int4, i.indnatts::int4) AS width
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
      JOIN pg_catalog.pg_class c ON c.oid = i.indrelid AND c.relkind IN ('r', 'p') AND c.oid >= 16384
     WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
                         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                        WHERE k.place <= coalesce((pg_catalog.to_jsonb(i) ->> 'indnkeyatts')::int4, i.indnatts::int4)
                          AND CASE WHEN k.attnum <= 0 OR NOT a.attnotnull THEN true
                                   WHEN a.atthasdef THEN coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') <> ''
                                   ELSE false END)
), identities AS (
    -- The narrowest that could be named; the one in use already is not proposed again.
    SELECT k.indrelid, pg_catalog.min(k.name) FILTER (WHERE k.in_use) AS identity_index,
           (pg_catalog.array_agg(k.name ORDER BY k.indisprimary DESC, k.width, k.name)
              FILTER (WHERE NOT k.in_use AND NOT k.indisexclusion))[1] AS candidate_index
      FROM keys k
     GROUP BY k.indrelid
), obstacles AS (
    SELECT a.attrelid, pg_catalog.array_agg(a.attname::text || ' ' ||
             CASE WHEN a.generated THEN 'generated' ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END
             ORDER BY a.attnum) AS columns
      FROM columns a
      LEFT JOIN incomparable i ON i.oid = a.atttypid
     -- From 18 on an UPDATE is refused where the identity holds a column that is not sent; before, it is passed over.
     WHERE CASE WHEN a.generated THEN pg_catalog.current_setting('server_version_num')::int4 >= 180000
                ELSE i.oid IS NOT NULL END
     GROUP BY a.attrelid
), published AS (
    SELECT p.schemaname, p.tablename, pg_catalog.array_agg(p.pubname::text ORDER BY p.pubname) AS names
      FROM pg_catalog.pg_publication_tables p
     GROUP BY p.schemaname, p.tablename
)
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name,
       c.relkind = 'p' AS partitioned, c.relispartition AS is_partition,
       rn.nspname::text AS root_schema, rc.relname::text AS root_name,
       e.extname::text AS extension,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       c.relreplident::text AS identity,
       k.identity_index AS identity_index, k.candidate_index AS candidate_index,
       coalesce(o.columns, '{}') AS full_obstacles,
       coalesce(p.names, '{}') AS publications,
       coalesce(pg_catalog.pg_stat_get_tuples_updated(c.oid) + pg_catalog.pg_stat_get_tuples_deleted(c.oid), 0)::int8
         AS changes
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN tree t ON t.oid = c.oid AND t.root <> c.oid
  LEFT JOIN pg_catalog.pg_class rc ON rc.oid = t.root
  LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace
  LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
  LEFT JOIN identities k ON k.indrelid = c.oid
  LEFT JOIN obstacles o ON o.attrelid = c.oid
  LEFT JOIN published p ON p.schemaname = n.nspname AND p.tablename = c.relname
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
 ORDER BY c.oid
