-- $1 channel  $2 digits  $3, $4 epoch and number behind which to begin  $5 most rows
-- Digits run together here across what stands between them: the caller looks again.
SELECT epoch, seq::float8 AS seq, body::text AS body
FROM events
WHERE channel = $1 AND (epoch, seq) > ($3, $4) AND position($2 IN regexp_replace(body::text, '\D', '', 'g')) > 0
ORDER BY epoch, seq
LIMIT $5
