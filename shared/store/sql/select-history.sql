-- $1 channel  $2 epoch  $3, $4 numbers between, both included  $5 from  $6 to (Unix ms)
-- $7, $8 extensions, one of each must be in it  $9 events, one of which it must be; NULL: any  $10 most rows
-- Looks at so many rows and no more: of those that are not asked for it says where they stand, and no body.
-- The column of the order is named with its table: alone it would mean the answer's, which no index knows.
SELECT epoch, seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn, call_id,
  CASE
    WHEN at BETWEEN to_timestamp($5::float8 / 1000) AND to_timestamp($6::float8 / 1000)
      AND ($7::text[] IS NULL OR string_to_array(dn, ',') && $7)
      AND ($8::text[] IS NULL OR string_to_array(dn, ',') && $8)
      AND ($9::text[] IS NULL OR string_to_array(event, ',') && $9)
    THEN body::text
  END AS body
FROM events
WHERE channel = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4
ORDER BY events.seq ASC
LIMIT $10
