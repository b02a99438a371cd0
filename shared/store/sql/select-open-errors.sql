-- $1 fingerprints
SELECT first_position, last_position, fingerprint, timestamp, first_seen, component, severity, message, details, service,
  count::float8 AS count, acknowledged, acknowledged_by, acknowledged_at
FROM error_log
WHERE channel = 'errors' AND NOT acknowledged AND fingerprint = ANY ($1::text[])
ORDER BY first_position
