-- $1 digits  $2 id behind which to begin  $3 most rows
SELECT id::float8 AS id, message, details::text AS details
FROM error_log
WHERE id > $2 AND position($1 IN regexp_replace(message || ' ' || coalesce(details::text, ''), '\D', '', 'g')) > 0
ORDER BY id
LIMIT $3
