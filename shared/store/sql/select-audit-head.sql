-- The newest entry of the chain; the last seal when there is none behind it.
SELECT seq::float8 AS seq, hash FROM (
  (SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1)
  UNION ALL
  (SELECT last_seq, last_hash FROM audit_seals ORDER BY last_seq DESC LIMIT 1)
) AS ends
ORDER BY seq DESC
LIMIT 1
