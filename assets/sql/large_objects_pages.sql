-- The pages of all large objects as one value that changes with each of them: a page that is written again is a new row
-- with another xmin, which no vacuum takes away. One row, to be compared with itself at another time. It takes reading all
-- of them on the server, which superusers may, and from 14 on members of pg_read_all_data. From 10.
SELECT pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(l.xmin::text::int8),
                            pg_catalog.sum(pg_catalog.hashtext(pg_catalog.concat_ws(' ', l.loid, l.pageno, l.xmin))::int8)) AS pages
  FROM pg_catalog.pg_largeobject l
