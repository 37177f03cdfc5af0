-- Up to where has this server written its log? One row. From 10.
-- Of a primary the insert position: the others lag behind a commit that did not wait for the disk.
SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
             ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text AS position
