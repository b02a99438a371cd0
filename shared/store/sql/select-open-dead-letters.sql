-- $1 ids above this  $2 limit
SELECT id::float8 AS id, channel, epoch, seq::float8 AS seq, at, type, event, dn, call_id, body, target, reason, sqlstate,
  details, created_at, retried_at, resolved_at
FROM dead_letters
WHERE resolved_at IS NULL AND id > $1
ORDER BY id
LIMIT $2
