-- The tables that hold rows (plain tables and partitions; extensions' only as far as they are configuration
-- tables), with what copying them needs. From 10.
-- Binary is called safe only for built-in types whose binary form holds no OIDs, no locale and no encoding
-- declaration, for enums (they travel as labels) and for domains over such types.
WITH RECURSIVE ancestors(oid, ancestor, level) AS (
    SELECT i.inhrelid, i.inhparent, 1
      FROM pg_catalog.pg_inherits i
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
  UNION ALL
    SELECT a.oid, i.inhparent, a.level + 1
      FROM ancestors a
      JOIN pg_catalog.pg_class c ON c.oid = a.ancestor AND c.relispartition
      JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.ancestor
), scalar(oid) AS (
    SELECT t.oid
      FROM pg_catalog.pg_type t
     WHERE t.oid < 16384 AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
       AND t.typname IN ('bool', 'bytea', 'char', 'name', 'int2', 'int4', 'int8', 'oid', 'text', 'bpchar',
                         'varchar', 'float4', 'float8', 'numeric', 'date', 'time', 'timetz', 'timestamp',
                         'timestamptz', 'interval', 'uuid', 'json', 'jsonb', 'inet', 'cidr', 'macaddr',
                         'macaddr8', 'bit', 'varbit', 'point', 'lseg', 'box', 'path', 'polygon', 'line',
                         'circle', 'int4range', 'int8range', 'numrange', 'daterange', 'tsrange', 'tstzrange',
                         'pg_lsn')
), safe(oid) AS (
    (SELECT s.oid FROM scalar s
     UNION ALL
     SELECT t.oid FROM pg_catalog.pg_type t JOIN scalar s ON s.oid = t.typelem
      WHERE t.oid < 16384 AND t.typcategory = 'A'
     UNION ALL
     SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typtype = 'e')
  UNION
    SELECT t.oid FROM safe s JOIN pg_catalog.pg_type t ON t.typbasetype = s.oid AND t.typtype = 'd'
), config(oid, condition) AS (
    SELECT x.oid, x.condition
      FROM pg_catalog.pg_extension e
     CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition))
             AS x(oid, condition)
), members(oid, extension) AS (
    SELECT d.objid, e.extname::text
      FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e'
       AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
), columns AS (
    SELECT a.attrelid AS oid,
           pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) AS names,
           pg_catalog.array_agg(a.atttypid = 'pg_catalog.bpchar'::pg_catalog.regtype AND a.atttypmod > 4
                                ORDER BY a.attnum) AS padded,
           pg_catalog.bool_and(s.oid IS NOT NULL) AS binary_is_safe
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class r ON r.oid = a.attrelid AND r.relkind = 'r'
      LEFT JOIN safe s ON s.oid = a.atttypid
     WHERE a.attnum > 0 AND NOT a.attisdropped
       -- The column is there from 12 on, and what is generated has an expression.
       AND CASE WHEN a.atthasdef THEN coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') = '' ELSE true END
     GROUP BY a.attrelid
)
SELECT c.oid::int8 AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       greatest(c.reltuples, 0)::int8 AS rows_estimate,
       m.extension AS extension,
       nullif(f.condition, '') AS condition,
       c.relispartition AS is_partition,
       coalesce(k.names, '{}') AS columns,
       coalesce(k.padded, '{}') AS padded,
       coalesce(k.binary_is_safe, false) AS binary_is_safe,
       coalesce((SELECT pg_catalog.array_agg(an.nspname::text ORDER BY x.level) FROM ancestors x
                   JOIN pg_catalog.pg_class ac ON ac.oid = x.ancestor
                   JOIN pg_catalog.pg_namespace an ON an.oid = ac.relnamespace WHERE x.oid = c.oid), '{}')
         AS ancestor_schemas,
       coalesce((SELECT pg_catalog.array_agg(ac.relname::text ORDER BY x.level) FROM ancestors x
                   JOIN pg_catalog.pg_class ac ON ac.oid = x.ancestor
                   JOIN pg_catalog.pg_namespace an ON an.oid = ac.relnamespace WHERE x.oid = c.oid), '{}')
         AS ancestor_names
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN columns k ON k.oid = c.oid
  LEFT JOIN members m ON m.oid = c.oid
  LEFT JOIN config f ON f.oid = c.oid
 WHERE c.relkind = 'r'
   AND c.relpersistence IN ('p', 'u')
   AND n.nspname !~ '^pg_(toast|temp)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND (m.oid IS NULL OR f.oid IS NOT NULL)
 ORDER BY c.oid
