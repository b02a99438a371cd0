-- $1 channel  $2 kind  $3 values  $4 epoch  $5, $6 numbers between, both included  $7 from  $8 to  $9 end of the month of
-- to (Unix ms)  $10 longest distance of a number from its segment's first  $11 most rows
-- The segments that have one of the values, one row for each value, in order.
SELECT found.first_seq::float8 AS first_seq, found.last_seq::float8 AS last_seq,
  (extract(epoch FROM found.from_at) * 1000)::float8 AS from_at, (extract(epoch FROM found.to_at) * 1000)::float8 AS to_at,
  found.to_at::text AS key_at, found.seqs::text AS seqs
FROM unnest($3::text[]) AS wanted (value), LATERAL (
  SELECT first_seq, last_seq, from_at, to_at, seqs
  FROM event_index
  WHERE channel = $1 AND kind = $2 AND value = wanted.value AND epoch = $4
    AND first_seq BETWEEN $5::bigint - $10::bigint AND $6 AND last_seq >= $5
    AND to_at >= to_timestamp($7::float8 / 1000) AND to_at < to_timestamp($9::float8 / 1000)
    AND from_at <= to_timestamp($8::float8 / 1000)
  ORDER BY first_seq ASC
  LIMIT $11
) AS found
ORDER BY found.first_seq ASC
LIMIT $11
