-- $1 channel  $2 kind  $3 values  $4 epoch  $5, $6 segments: first number and latest time of each
-- OFFSET 0: each segment is one probe of the index, whatever the planner thinks of reading all rows of a value.
SELECT segment.first_seq::float8 AS first_seq, found.seqs::text AS seqs
FROM unnest($5::bigint[], $6::timestamptz[]) AS segment (first_seq, to_at), LATERAL (
  SELECT seqs
  FROM event_index
  WHERE channel = $1 AND kind = $2 AND value = ANY ($3) AND epoch = $4 AND first_seq = segment.first_seq
    AND to_at = segment.to_at
  OFFSET 0
) AS found
