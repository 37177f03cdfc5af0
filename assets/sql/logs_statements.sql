-- Where does this session's every CREATE ROLE or CREATE USER MAPPING remain: in the server's log, in the statistics of
-- statements? And one that fails, in the log? One row. From 10.
-- A duration counts, also one that is above what such a statement takes as a rule.
-- Settings of modules that are not loaded are absent, or what the session itself has set.
SELECT pg_catalog.current_setting('log_statement') IN ('ddl', 'mod', 'all')
       OR pg_catalog.current_setting('log_min_duration_statement') <> '-1'
       OR coalesce(pg_catalog.current_setting('log_min_duration_sample', true), '-1') <> '-1'
       OR coalesce(pg_catalog.current_setting('log_transaction_sample_rate', true), '0') <> '0'
       OR coalesce(pg_catalog.current_setting('pgaudit.log', true), '') ~* '(all|ddl|role|misc)' AS logs,
       coalesce(pg_catalog.current_setting('pg_stat_statements.track_utility', true), 'off') = 'on'
       AND coalesce(pg_catalog.current_setting('pg_stat_statements.track', true), 'none') <> 'none' AS counts,
       pg_catalog.current_setting('log_min_error_statement') NOT IN ('log', 'fatal', 'panic') AS logs_failed
