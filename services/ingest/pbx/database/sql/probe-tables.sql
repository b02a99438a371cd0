-- in: names of tables. out: where each is, whether we may read it, and its columns; nothing for one that is not there.
SELECT
  namespace.nspname AS schema,
  class.relname AS name,
  has_schema_privilege(namespace.oid, 'USAGE') AND has_table_privilege(class.oid, 'SELECT') AS "isReadable",
  (
    SELECT coalesce(json_agg(attribute.attname::text), '[]'::json)
    FROM pg_catalog.pg_attribute AS attribute
    WHERE attribute.attrelid = class.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
  ) AS columns
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relname = ANY ($1::text[])
  AND class.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND namespace.nspname NOT IN ('pg_catalog', 'information_schema')
  AND namespace.nspname NOT LIKE 'pg\_%'
ORDER BY namespace.nspname <> 'public', namespace.nspname
