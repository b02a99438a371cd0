-- $1 positions
SELECT first_position, last_position, fingerprint, timestamp, first_seen, component, severity, message, details, service,
  count::float8 AS count, acknowledged, acknowledged_by, acknowledged_at
FROM error_log
WHERE channel = 'errors' AND first_position = ANY ($1::text[]) AND fingerprint IS NOT NULL
