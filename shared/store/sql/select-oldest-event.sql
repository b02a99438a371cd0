-- $1 channel  $2 epochs, oldest first
-- One index probe for each epoch and month, until an epoch has something.
SELECT asked.epoch, oldest.seq::float8 AS seq
FROM unnest($2::text[]) WITH ORDINALITY AS asked (epoch, rank),
  LATERAL (
    SELECT seq FROM events WHERE channel = $1 AND epoch = asked.epoch ORDER BY seq LIMIT 1
  ) AS oldest
ORDER BY asked.rank
LIMIT 1
