-- $1 digits  $2 id behind which to begin  $3 most rows
SELECT id::float8 AS id, body
FROM dead_letters
WHERE id > $2 AND position($1 IN regexp_replace(encode(body, 'escape'), '\D', '', 'g')) > 0
ORDER BY id
LIMIT $3
