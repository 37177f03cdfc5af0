-- Which extensions could be installed on this server, in which versions, and by whom? From 10; trusted ones from 13.
SELECT v.name::text AS name, v.version::text AS version, a.default_version::text AS default_version,
       v.superuser AS superuser,
       coalesce((pg_catalog.to_jsonb(v) ->> 'trusted')::bool, false) AS trusted,
       coalesce(v.requires::text[], '{}') AS requires
  FROM pg_catalog.pg_available_extension_versions v
  JOIN pg_catalog.pg_available_extensions a ON a.name = v.name
 ORDER BY 1, 2
