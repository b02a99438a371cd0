-- $1 call  $2, $3 epoch and number up to which
SELECT epoch, seq::float8 AS seq, (extract(epoch FROM at) * 1000)::float8 AS at, type, event, dn, body::text AS body
FROM events
WHERE channel = 'calls' AND call_id = $1 AND (epoch, seq) <= ($2, $3)
ORDER BY epoch DESC, seq DESC
LIMIT 1
