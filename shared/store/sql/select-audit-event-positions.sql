-- $1, $2 position behind which to begin (null: at the first)  $3 limit
SELECT epoch, seq::float8 AS log_seq
FROM events
WHERE channel = 'audit' AND ($1::text IS NULL OR (epoch, seq) > ($1::text, $2::bigint))
ORDER BY epoch, seq
LIMIT $3
