-- What pg_dump leaves behind in silence: it must be said, for nobody else would. From 10.
SELECT 'invalid index' AS kind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS object
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND n.nspname !~ '^pg_(toast|temp)'
UNION ALL
SELECT DISTINCT 'disabled foreign key', pg_catalog.format('%I on %I.%I', k.conname, n.nspname, c.relname)
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint AND k.contype = 'f'
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgisinternal AND t.tgenabled <> 'O'
UNION ALL
SELECT 'comment', pg_catalog.format('constraint trigger %I on %I.%I', k.conname, n.nspname, c.relname)
  FROM pg_catalog.pg_description d
  JOIN pg_catalog.pg_constraint k ON k.oid = d.objoid AND k.contype = 't'
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
UNION ALL
SELECT 'comment', pg_catalog.format('language %I', l.lanname)
  FROM pg_catalog.pg_description d
  JOIN pg_catalog.pg_language l ON l.oid = d.objoid
  JOIN pg_catalog.pg_depend m ON m.classid = d.classoid AND m.objid = d.objoid AND m.deptype = 'e'
 WHERE d.classoid = 'pg_catalog.pg_language'::pg_catalog.regclass
   AND NOT (l.lanname = 'plpgsql' AND d.description = 'PL/pgSQL procedural language')
UNION ALL
SELECT 'privileges', pg_catalog.format('information_schema.%I', c.relname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'information_schema'
 -- pg_init_privs has nothing of this schema. What initdb gives away of it is SELECT, to PUBLIC.
 WHERE c.relacl IS NOT NULL
   AND (EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x
                 WHERE x.grantee NOT IN (0, c.relowner) OR (x.grantee = 0 AND x.privilege_type <> 'SELECT'))
        OR NOT EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x
                        WHERE x.grantee = 0 AND x.privilege_type = 'SELECT'))
 ORDER BY 1, 2
