-- $1 channel  $2, $3 epoch and number behind which, $4, $5 before which  $6 from  $7 to (Unix ms)  $8 calls  $9 most rows
SELECT epoch, seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn, call_id,
  body::text AS body
FROM events
WHERE channel = $1 AND call_id = ANY ($8) AND (epoch, seq) > ($2, $3) AND (epoch, seq) < ($4, $5)
  AND at BETWEEN to_timestamp($6::float8 / 1000) AND to_timestamp($7::float8 / 1000)
ORDER BY events.epoch ASC, events.seq ASC
LIMIT $9
