-- May our user create schemas and publications in this database, and would a publication be of use? One row. From 10.
SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS creates,
       pg_catalog.current_setting('wal_level') = 'logical' AND NOT pg_catalog.pg_is_in_recovery() AS publishes
