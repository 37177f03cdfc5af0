-- The publications of this database whose names begin with $1 (text; empty for all). From 10.
SELECT p.pubname::text AS name, pg_catalog.current_database()::text AS database,
       pg_catalog.pg_get_userbyid(p.pubowner)::text AS owner,
       pg_catalog.pg_has_role(p.pubowner, 'USAGE') AS owned,
       p.puballtables AS all_tables,
       (SELECT pg_catalog.count(*)::int8 FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid) AS tables
  FROM pg_catalog.pg_publication p
 WHERE pg_catalog.left(p.pubname::text, pg_catalog.length($1::text)) = $1::text
 ORDER BY 1
