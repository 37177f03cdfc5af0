-- Which large objects are there, as one value that another set of them does not have, and may our user read their pages?
-- One row, to be compared with itself at another time: whoever changes an owner or a privilege leaves another xmin. From 10.
SELECT pg_catalog.count(*)::int8 AS objects,
       pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(m.xmin::text::int8),
                            pg_catalog.sum(pg_catalog.hashtext(pg_catalog.concat_ws(' ', m.oid, m.xmin))::int8)) AS metadata,
       pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'SELECT') AS readable
  FROM pg_catalog.pg_largeobject_metadata m
