-- $1 components  $2 severities  $3 acknowledged  $4 seen since  $5 first seen until  $6 part of the message (null: any)
-- $7, $8 timestamp and position behind which to begin, null: at the newest  $9 positions to leave out  $10 limit
-- Lines of the audit are no errors: they come only when asked for by their component.
SELECT first_position, last_position, fingerprint, timestamp, first_seen, component, severity, message, details, service,
  count::float8 AS count, acknowledged, acknowledged_by, acknowledged_at
FROM error_log
WHERE first_position IS NOT NULL
  AND (channel = 'errors' OR 'audit' = ANY ($1::text[]))
  AND ($1::text[] IS NULL OR component = ANY ($1::text[]))
  AND ($2::text[] IS NULL OR severity = ANY ($2::text[]))
  AND ($3::boolean IS NULL OR acknowledged = $3::boolean)
  AND ($4::timestamptz IS NULL OR timestamp >= $4::timestamptz)
  AND ($5::timestamptz IS NULL OR first_seen <= $5::timestamptz)
  AND ($6::text IS NULL OR position(lower($6::text) IN lower(message)) > 0)
  AND ($7::timestamptz IS NULL OR (timestamp, first_position) < ($7::timestamptz, $8::text))
  AND (channel <> 'errors' OR first_position <> ALL ($9::text[]))
ORDER BY timestamp DESC, first_position DESC
LIMIT $10
