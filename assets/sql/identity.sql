-- Which cluster is this, and since when does this server run on it? One row; some providers refuse. From 10.
-- The same identifier with another start time is a physical copy.
SELECT c.system_identifier::text AS system_identifier,
       pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::text AS started
  FROM pg_catalog.pg_control_system() c
