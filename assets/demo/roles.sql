-- The sample shop: its roles and its two empty databases. Run as superuser in any database of a fresh cluster.
-- The passwords protect nothing: the cluster lives as long as the demo.

CREATE ROLE app_ro NOLOGIN;
COMMENT ON ROLE app_ro IS 'may read everything that is not private';

CREATE ROLE app_owner LOGIN CREATEDB PASSWORD 'owner-of-the-demo';
COMMENT ON ROLE app_owner IS 'owns both databases and changes their schema';

CREATE ROLE app_rw LOGIN CONNECTION LIMIT 60 PASSWORD 'writer-of-the-demo' IN ROLE app_ro;
COMMENT ON ROLE app_rw IS 'the shop itself';
ALTER ROLE app_rw SET statement_timeout = '30s';

CREATE ROLE reporting LOGIN PASSWORD 'reader-of-the-demo' VALID UNTIL '2038-01-01 00:00:00+00' IN ROLE app_ro;
COMMENT ON ROLE reporting IS 'dashboards';
GRANT app_rw TO app_owner WITH ADMIN OPTION;

CREATE DATABASE shop OWNER app_owner TEMPLATE template0;
COMMENT ON DATABASE shop IS 'customers, orders, payments';
ALTER DATABASE shop SET default_text_search_config = 'pg_catalog.english';
ALTER ROLE reporting IN DATABASE shop SET work_mem = '64MB';
REVOKE CONNECT, TEMPORARY ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO app_ro;
GRANT TEMPORARY ON DATABASE shop TO app_rw;

CREATE DATABASE warehouse OWNER app_owner TEMPLATE template0 CONNECTION LIMIT 80;
COMMENT ON DATABASE warehouse IS 'what lies where';
