-- $1 channel  $2 epoch  $3, $4 numbers between, both included  $5 bytes of the longest body worth
-- reading  $6 most rows
SELECT epoch, seq::float8 AS seq, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn,
  CASE WHEN octet_length(body::text) <= $5 THEN body::text END AS body
FROM events
WHERE channel = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4
ORDER BY events.seq
LIMIT $6
