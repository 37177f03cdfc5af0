-- How the given tables are stored and defined; asked under the snapshot and again after locking them, for an
-- exported snapshot alone does not protect from a rewrite. $1: int8[] of table OIDs. From 10.
SELECT c.oid::int8 AS oid,
       pg_catalog.format('%s|%s|%s|%s|%s', c.relfilenode, c.relname, c.relnamespace, c.relkind,
         (SELECT pg_catalog.string_agg(pg_catalog.format('%s %s %s %s %s', a.attnum, a.attname, a.atttypid,
                                                          a.atttypmod, a.attisdropped), ',' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)) AS fingerprint
  FROM pg_catalog.pg_class c
 WHERE c.oid = ANY ($1::int8[]::oid[])
