-- $1 channel  $2 epoch  $3 numbers  $4 from  $5 to (Unix ms): they lie in one month, so that only that one is looked at
SELECT epoch, seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn, call_id,
  body::text AS body
FROM events
WHERE channel = $1 AND epoch = $2 AND seq = ANY ($3::bigint[])
  AND at BETWEEN to_timestamp($4::float8 / 1000) AND to_timestamp($5::float8 / 1000)
ORDER BY events.seq ASC
