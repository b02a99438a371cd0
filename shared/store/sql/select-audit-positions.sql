-- $1, $2 position behind which to begin (null: at the first)  $3 limit
SELECT seq::float8 AS seq, epoch, log_seq::float8 AS log_seq, (extract(epoch FROM at) * 1000)::float8 AS at
FROM audit_log
WHERE $1::text IS NULL OR (epoch, log_seq) > ($1::text COLLATE "C", $2::bigint)
ORDER BY epoch, log_seq
LIMIT $3
