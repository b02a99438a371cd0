-- $1 channel  $2 epoch  $3 from  $4 to, both inclusive  $5 limit
-- The column of the order is named with its table: alone it would mean the answer's, which no index knows.
SELECT seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn, call_id, body::text AS body
FROM events
WHERE channel = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4
ORDER BY events.seq
LIMIT $5
