-- The settings that are named, and those of the provider, as far as our user may see them. From 10.
-- $1: text[] of names; $2: text[] of names that the view leaves out, which only who may read all settings is told.
SELECT s.name AS name, s.setting AS setting, s.unit AS unit, s.pending_restart AS pending_restart
  FROM pg_catalog.pg_settings s
 WHERE s.name = ANY ($1::text[])
    OR s.name ~ '^(rds|azure|cloudsql|alloydb|neon|aiven|extwlist|supautils)[.]'
UNION
SELECT h.name, h.setting, NULL, false
  FROM (SELECT n.name, CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')
                            THEN pg_catalog.current_setting(n.name, true) END AS setting
          FROM pg_catalog.unnest($2::text[]) n(name)) h
 WHERE h.setting IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_settings s WHERE s.name = h.name)
 ORDER BY 1
