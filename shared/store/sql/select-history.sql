-- $1 channel  $2, $3 epoch and number behind which, $4, $5 before which  $6 from  $7 to (Unix ms)
-- $8, $9 extensions, one of each must be in it  $10 events, one of which it must be; NULL: any  $11 most rows
-- Looks at so many rows and no more: of those that are not asked for it says where they stand, and no body.
-- The columns of the order are named with their table: alone they would mean the answer's, which no index knows.
SELECT epoch, seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, event, dn, call_id,
  CASE
    WHEN at BETWEEN to_timestamp($6::float8 / 1000) AND to_timestamp($7::float8 / 1000)
      AND ($8::text[] IS NULL OR string_to_array(dn, ',') && $8)
      AND ($9::text[] IS NULL OR string_to_array(dn, ',') && $9)
      AND ($10::text[] IS NULL OR string_to_array(event, ',') && $10)
    THEN body::text
  END AS body
FROM events
WHERE channel = $1 AND (epoch, seq) > ($2, $3) AND (epoch, seq) < ($4, $5)
ORDER BY events.epoch ASC, events.seq ASC
LIMIT $11
