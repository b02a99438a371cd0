-- $1 channel  $2 kind  $3 values  $4, $5, $6 segments: epoch, first number and latest time of each
-- OFFSET 0: each segment is one probe of the index, whatever the planner thinks of reading all rows of a value.
SELECT segment.epoch, segment.first_seq::float8 AS first_seq, found.seqs::text AS seqs
FROM unnest($4::text[], $5::bigint[], $6::timestamptz[]) AS segment (epoch, first_seq, to_at), LATERAL (
  SELECT seqs
  FROM event_index
  WHERE channel = $1 AND kind = $2 AND value = ANY ($3) AND epoch = segment.epoch AND first_seq = segment.first_seq
    AND to_at = segment.to_at
  OFFSET 0
) AS found
