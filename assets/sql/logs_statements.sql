-- Does this session's every CREATE ROLE land in the server's log? One row. From 10.
SELECT pg_catalog.current_setting('log_statement') IN ('ddl', 'mod', 'all') AS logs
