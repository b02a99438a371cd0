-- $1 channel  $2 epoch  $3 numbers  $4 from and $5 to of each (Unix ms): where its segment lies, so that one month is
-- looked at for it  OFFSET 0: each number is one probe of the index
SELECT found.epoch, found.seq::float8 AS seq, found.type, (extract(epoch FROM found.at) * 1000)::float8 AS at,
  found.event, found.dn, found.call_id, found.body::text AS body
FROM unnest($3::bigint[], $4::float8[], $5::float8[]) AS wanted (seq, from_at, to_at), LATERAL (
  SELECT *
  FROM events
  WHERE channel = $1 AND epoch = $2 AND seq = wanted.seq
    AND at BETWEEN to_timestamp(wanted.from_at / 1000) AND to_timestamp(wanted.to_at / 1000)
  OFFSET 0
) AS found
ORDER BY found.seq ASC
