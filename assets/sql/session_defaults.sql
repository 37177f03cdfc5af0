-- What a session of this database gets by itself, as far as it changes what expressions mean. From 10.
SELECT s.name AS name, s.setting AS setting
  FROM pg_catalog.pg_settings s
 WHERE s.name IN ('DateStyle', 'IntervalStyle', 'TimeZone', 'timezone_abbreviations', 'extra_float_digits',
                  'bytea_output', 'default_text_search_config', 'lc_monetary', 'lc_numeric', 'lc_time', 'xmlbinary',
                  'xmloption', 'array_nulls')
    OR (s.source = 'database' AND s.name LIKE '%.%')
