-- $1 JSON array of groups
INSERT INTO error_log (channel, first_position, last_position, fingerprint, timestamp, first_seen, component, severity,
  message, details, service, count, acknowledged, acknowledged_by, acknowledged_at)
SELECT 'errors', id, "lastId", fingerprint, timestamp, "firstSeen", component, severity, message, details, service, count,
  acknowledged, "acknowledgedBy", "acknowledgedAt"
FROM json_to_recordset($1::json)
  AS error_group (id text, "lastId" text, fingerprint text, timestamp timestamptz, "firstSeen" timestamptz, component text,
    severity text, message text, details jsonb, service text, count bigint, acknowledged boolean, "acknowledgedBy" text,
    "acknowledgedAt" timestamptz)
ON CONFLICT (channel, first_position) DO UPDATE SET
  last_position = EXCLUDED.last_position,
  timestamp = EXCLUDED.timestamp,
  first_seen = EXCLUDED.first_seen,
  severity = EXCLUDED.severity,
  message = EXCLUDED.message,
  details = EXCLUDED.details,
  service = EXCLUDED.service,
  count = EXCLUDED.count,
  acknowledged = EXCLUDED.acknowledged,
  acknowledged_by = EXCLUDED.acknowledged_by,
  acknowledged_at = EXCLUDED.acknowledged_at
