-- The languages of this database beyond those that every database has, and the extensions that brought them. From 10.
SELECT l.lanname::text AS name, l.lanpltrusted AS trusted, e.extname::text AS extension
  FROM pg_catalog.pg_language l
  LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND d.objid = l.oid
        AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
 WHERE l.lanname NOT IN ('internal', 'c', 'sql')
 ORDER BY 1
