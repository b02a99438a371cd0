-- $1 channel  $2 kind  $3 values  $4 from  $5 end of the month of to (Unix ms)  $6 enough
SELECT count(*)::integer AS postings
FROM (
  SELECT FROM event_index
  WHERE channel = $1 AND kind = $2 AND value = ANY ($3)
    AND to_at >= to_timestamp($4::float8 / 1000) AND to_at < to_timestamp($5::float8 / 1000)
  LIMIT $6
) AS counted
