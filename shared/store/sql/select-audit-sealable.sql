-- $1 keep what is not older than this  $2 most entries
-- The end of the run of old entries that the chain begins with, the newest entry never with them; no row: no such run.
SELECT seq::float8 AS seq, hash
FROM audit_log
WHERE seq < LEAST(
  (SELECT min(seq) FROM audit_log) + $2::bigint,
  (SELECT seq FROM audit_log WHERE at >= $1 ORDER BY seq LIMIT 1),
  (SELECT max(seq) FROM audit_log)
)
ORDER BY seq DESC
LIMIT 1
