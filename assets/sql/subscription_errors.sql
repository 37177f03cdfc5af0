-- How often has the subscription $1 (text) failed since its statistics were reset? One row or none. From 15.
-- Until 18 what failed while tables were copied is sync_error_count, from 19 on sync_table_error_count.
SELECT pg_catalog.sum(s.apply_error_count)::int8 AS apply_errors,
       pg_catalog.sum(coalesce(pg_catalog.to_jsonb(s) ->> 'sync_table_error_count',
                               pg_catalog.to_jsonb(s) ->> 'sync_error_count')::int8)::int8 AS sync_errors
  FROM pg_catalog.pg_stat_subscription_stats s
 WHERE s.subname = $1::text::name
 GROUP BY s.subname
