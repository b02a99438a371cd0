-- $1 component  $2 from  $3 to, both inclusive  $4 limit. Newest first; the first row of the span counts as a change.
SELECT id::float8 AS id, state, latency, error_message, timestamp, before_id IS NULL AS is_first
FROM (
  SELECT id, state, latency, error_message, timestamp, lag(id) OVER known AS before_id, lag(state) OVER known AS before_state,
    lag(error_message) OVER known AS before_error
  FROM connection_status_history
  WHERE component = $1 AND timestamp BETWEEN $2 AND $3
  WINDOW known AS (ORDER BY timestamp, id)
) AS sample
WHERE before_id IS NULL OR state IS DISTINCT FROM before_state OR error_message IS DISTINCT FROM before_error
ORDER BY timestamp DESC, id DESC
LIMIT $4
