-- $1 channel  $2 kind  $3 values  $4, $5 epoch and number behind which, $6, $7 before which  $8 from  $9 to  $10 end of
-- the month of to (Unix ms)  $11 longest distance of a number from its segment's first  $12 most rows
-- The segments that have one of the values, one row for each value, in order.
SELECT found.epoch, found.first_seq::float8 AS first_seq, found.last_seq::float8 AS last_seq,
  (extract(epoch FROM found.from_at) * 1000)::float8 AS from_at, (extract(epoch FROM found.to_at) * 1000)::float8 AS to_at,
  found.to_at::text AS key_at, found.seqs::text AS seqs
FROM unnest($3::text[]) AS wanted (value), LATERAL (
  SELECT epoch, first_seq, last_seq, from_at, to_at, seqs
  FROM event_index
  WHERE channel = $1 AND kind = $2 AND value = wanted.value
    AND (epoch, first_seq) > ($4, $5::bigint - $11::bigint) AND (epoch, last_seq) > ($4, $5)
    AND (epoch, first_seq) < ($6, $7)
    AND to_at >= to_timestamp($8::float8 / 1000) AND to_at < to_timestamp($10::float8 / 1000)
    AND from_at <= to_timestamp($9::float8 / 1000)
  ORDER BY epoch ASC, first_seq ASC
  LIMIT $12
) AS found
ORDER BY found.epoch ASC, found.first_seq ASC
LIMIT $12
