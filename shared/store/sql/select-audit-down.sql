-- $1, $2 numbers between which, both exclusive (null: no end)  $3 since  $4 until  $5 actions  $6 actors by id or name
-- $7 targets  $8 outcomes (null: any)  $9 limit
SELECT seq::float8 AS seq, epoch, log_seq::float8 AS log_seq, (extract(epoch FROM at) * 1000)::float8 AS at, action, actor_kind,
  actor_id, actor_name, address, target, outcome, details, salt, content_digest, prev_hash, hash
FROM audit_log
WHERE ($1::bigint IS NULL OR seq > $1::bigint)
  AND ($2::bigint IS NULL OR seq < $2::bigint)
  AND ($3::timestamptz IS NULL OR at >= $3::timestamptz)
  AND ($4::timestamptz IS NULL OR at <= $4::timestamptz)
  AND ($5::text[] IS NULL OR action = ANY ($5::text[]))
  AND ($6::text[] IS NULL OR actor_id = ANY ($6::text[]) OR actor_name = ANY ($6::text[]))
  AND ($7::text[] IS NULL OR target = ANY ($7::text[]))
  AND ($8::text[] IS NULL OR outcome = ANY ($8::text[]))
ORDER BY seq DESC
LIMIT $9
