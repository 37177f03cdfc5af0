-- How often has the subscription $1 (text) failed since its statistics were reset? One row or none. From 15.
SELECT pg_catalog.sum(s.apply_error_count)::int8 AS apply_errors,
       pg_catalog.sum(s.sync_error_count)::int8 AS sync_errors
  FROM pg_catalog.pg_stat_subscription_stats s
 WHERE s.subname = $1::text::name
 GROUP BY s.subname
