-- $1 call  $2, $3 epoch and number behind which to begin  $4, $5 those up to which  $6 most rows
-- Numbers grow over epochs; the epoch comes first because a log that was lost may begin again.
SELECT epoch, seq::float8 AS seq, (extract(epoch FROM at) * 1000)::float8 AS at, type, event, dn, body::text AS body
FROM events
WHERE channel = 'calls' AND call_id = $1 AND (epoch, seq) > ($2, $3) AND (epoch, seq) <= ($4, $5)
ORDER BY epoch, seq
LIMIT $6
