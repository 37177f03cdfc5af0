-- Which of these parameters may our user set, although that takes a superuser otherwise? From 15.
-- $1: text[] of names.
SELECT n.name AS name
  FROM pg_catalog.unnest($1::text[]) n(name)
 WHERE pg_catalog.has_parameter_privilege(n.name, 'SET')
 ORDER BY 1
