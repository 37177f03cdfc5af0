-- Comments and labels of shared objects: {which} is the condition on d.classoid and d.objoid.
SELECT 'comment' || chr(31) || {esc:concat_ws(' ', i.type, i.identity)} || chr(31) || {esc:d.description}
FROM pg_catalog.pg_shdescription d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, 0) i
WHERE {which};
SELECT 'security label' || chr(31) || {esc:concat_ws(' ', d.provider, i.type, i.identity)} || chr(31) || {esc:d.label}
FROM pg_catalog.pg_shseclabel d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, 0) i
WHERE {which};
