-- $1 channel or null  $2 open ones only  $3 ids below this, or null  $4 limit
SELECT id::float8 AS id, channel, epoch, seq::float8 AS seq, at, type, event, dn, call_id, body, target, reason, sqlstate,
  details, created_at, retried_at, resolved_at
FROM dead_letters
WHERE ($1::text IS NULL OR channel = $1)
  AND (NOT $2 OR resolved_at IS NULL)
  AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC
LIMIT $4
