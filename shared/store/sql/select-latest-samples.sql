-- $1 components
SELECT component, state, error_message, timestamp
FROM unnest($1::text[]) AS asked (name),
  LATERAL (
    SELECT component, state, error_message, timestamp FROM connection_status_history
    WHERE component = asked.name
    ORDER BY timestamp DESC, id DESC
    LIMIT 1
  ) AS latest
