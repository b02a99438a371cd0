-- $1 channel  $2, $3 epoch and number behind which to begin  $4 bytes of the longest body worth reading  $5 most rows
SELECT epoch, seq::float8 AS seq, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn,
  CASE WHEN octet_length(body::text) <= $4 THEN body::text END AS body
FROM events
WHERE channel = $1 AND (epoch, seq) > ($2, $3)
ORDER BY events.epoch, events.seq
LIMIT $5
