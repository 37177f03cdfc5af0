-- Where does this session's every CREATE ROLE remain: in the server's log, in the statistics of statements? One row. From 10.
-- Settings of modules that are not loaded are absent, or what the session itself has set.
SELECT pg_catalog.current_setting('log_statement') IN ('ddl', 'mod', 'all')
       OR coalesce(pg_catalog.current_setting('pgaudit.log', true), '') ~* '(all|ddl|role|misc)' AS logs,
       coalesce(pg_catalog.current_setting('pg_stat_statements.track_utility', true), 'off') = 'on'
       AND coalesce(pg_catalog.current_setting('pg_stat_statements.track', true), 'none') <> 'none' AS counts
