-- The settings that are named, and those of the provider, as far as our user may see them. From 10.
-- $1: text[] of names.
SELECT s.name AS name, s.setting AS setting, s.unit AS unit, s.pending_restart AS pending_restart
  FROM pg_catalog.pg_settings s
 WHERE s.name = ANY ($1::text[])
    OR s.name ~ '^(rds|azure|cloudsql|alloydb|neon|aiven|extwlist|supautils)[.]'
 ORDER BY 1
