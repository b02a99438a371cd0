-- $1 channel or null  $2 resolved or not, null: both  $3 ids below this, or null  $4 limit
SELECT id::float8 AS id, channel, epoch, seq::float8 AS seq, at, type, event, dn, call_id, body, target, reason, sqlstate,
  details, created_at, retried_at, resolved_at
FROM dead_letters
WHERE ($1::text IS NULL OR channel = $1)
  AND ($2::boolean IS NULL OR (resolved_at IS NOT NULL) = $2)
  AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC
LIMIT $4
