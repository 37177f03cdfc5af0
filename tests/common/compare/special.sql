-- What does not fit into one line per row of a catalog. {acl:X} is an access list as text, {system} holds where system objects
-- of both ends may be held against each other in full (same major version).

-- Access lists of system objects, where they are no longer what initdb or the extension gave.
SELECT 'system acl' || chr(31) || 'function ' || (pg_identify_object('pg_proc'::regclass, o.oid, 0)).identity || chr(31)
    || coalesce({acl:o.proacl}, 'none')
FROM pg_catalog.pg_proc o LEFT JOIN pg_catalog.pg_init_privs i
  ON i.objoid = o.oid AND i.classoid = 'pg_proc'::regclass AND i.objsubid = 0
WHERE o.oid < 16384 AND {acl:coalesce(o.proacl, acldefault('f', o.proowner))}
    IS DISTINCT FROM {acl:coalesce(i.initprivs, acldefault('f', o.proowner))};
SELECT 'system acl' || chr(31) || 'relation ' || (pg_identify_object('pg_class'::regclass, o.oid, 0)).identity || chr(31)
    || coalesce({acl:o.relacl}, 'none')
FROM pg_catalog.pg_class o LEFT JOIN pg_catalog.pg_init_privs i
  ON i.objoid = o.oid AND i.classoid = 'pg_class'::regclass AND i.objsubid = 0
WHERE o.oid < 16384 AND o.relkind IN ('r', 'v', 'm', 'S', 'f', 'p')
  -- initdb makes the information schema after it has noted the rest.
  AND ({system} OR o.relnamespace <> 'information_schema'::regnamespace)
  AND {acl:coalesce(o.relacl, acldefault(CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", o.relowner))}
    IS DISTINCT FROM {acl:coalesce(i.initprivs, acldefault(CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", o.relowner))};
SELECT 'system acl' || chr(31) || 'column ' || (pg_identify_object('pg_class'::regclass, o.attrelid, o.attnum)).identity || chr(31)
    || coalesce({acl:o.attacl}, 'none')
FROM pg_catalog.pg_attribute o LEFT JOIN pg_catalog.pg_init_privs i
  ON i.objoid = o.attrelid AND i.classoid = 'pg_class'::regclass AND i.objsubid = o.attnum
WHERE o.attrelid < 16384 AND {acl:o.attacl} IS DISTINCT FROM {acl:i.initprivs};
SELECT 'system acl' || chr(31) || 'type ' || (pg_identify_object('pg_type'::regclass, o.oid, 0)).identity || chr(31)
    || coalesce({acl:o.typacl}, 'none')
FROM pg_catalog.pg_type o LEFT JOIN pg_catalog.pg_init_privs i
  ON i.objoid = o.oid AND i.classoid = 'pg_type'::regclass AND i.objsubid = 0
WHERE o.oid < 16384 AND {acl:coalesce(o.typacl, acldefault('T', o.typowner))}
    IS DISTINCT FROM {acl:coalesce(i.initprivs, acldefault('T', o.typowner))};

-- Comments and security labels, also of system objects; collations come from the operating system with their comments.
SELECT CASE WHEN d.classoid = 'pg_subscription'::regclass THEN 'subscription' ELSE 'comment' END || chr(31)
    || {esc:concat_ws(' ', i.type, i.identity)} || chr(31) || {esc:d.description}
FROM pg_catalog.pg_description d
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE d.objoid >= 16384
   OR d.classoid IN ('pg_namespace'::regclass, 'pg_extension'::regclass, 'pg_language'::regclass)
   OR {system} AND d.classoid <> 'pg_collation'::regclass;
SELECT CASE WHEN l.classoid = 'pg_subscription'::regclass THEN 'subscription' ELSE 'security label' END || chr(31)
    || {esc:concat_ws(' ', l.provider, i.type, i.identity)} || chr(31) || {esc:l.label}
FROM pg_catalog.pg_seclabel l CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) i;

-- Dependencies that are properties: member of an extension (e), depends on an extension (x), sequences that a column owns
-- (a) or is made of (i). The others follow from the definitions.
SELECT 'dependency' || chr(31)
    || {esc:regexp_replace(concat_ws(' ', i.type, i.identity), '(RI|PK|Unique)_ConstraintTrigger_([a-z]_)?[0-9]+', 'internal trigger', 'g')}
    || chr(31) || d.deptype::text || ' ' || {esc:concat_ws(' ', r.type, r.identity)}
FROM pg_catalog.pg_depend d
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) r
WHERE d.deptype IN ('e', 'x') OR d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass
    AND d.objid IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relkind = 'S' AND c.oid >= 16384 AND c.relpersistence <> 't');

-- The order of columns. pg_dump cannot keep it where a child table's own columns stand before inherited ones.
SELECT 'column order' || chr(31) || {esc:(pg_identify_object('pg_class'::regclass, a.attrelid, 0)).identity} || chr(31)
    || {esc:string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)}
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE {relation:a.attrelid} AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind NOT IN ('i', 'I', 'S')
GROUP BY a.attrelid;
