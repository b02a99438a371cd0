-- $1 channel  $2 epoch  $3, $4 numbers between, both included  $5 from  $6 to (Unix ms)  $7 calls  $8 most rows
-- + 0: the index of calls finds few rows; the one in order would be walked until enough of them came by.
SELECT epoch, seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn, call_id,
  body::text AS body
FROM events
WHERE channel = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4 AND call_id = ANY ($7)
  AND at BETWEEN to_timestamp($5::float8 / 1000) AND to_timestamp($6::float8 / 1000)
ORDER BY events.seq + 0 ASC
LIMIT $8
