-- $1 channel  $2, $3 epoch and number behind which to begin  $4 limit
SELECT epoch, seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn, call_id AS call,
  body::text AS body
FROM events
WHERE channel = $1 AND (epoch, seq) > ($2, $3)
ORDER BY epoch, seq
LIMIT $4
