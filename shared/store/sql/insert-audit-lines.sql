-- $1 JSON array of lines
-- Acknowledged from the start: an audit line is a record, not a task for anybody.
INSERT INTO error_log (channel, first_position, last_position, timestamp, first_seen, component, severity, message, details,
  acknowledged)
SELECT 'audit', position, position, at, at, 'audit', 'info', message, details, true
FROM json_to_recordset($1::json) AS line (position text, at timestamptz, message text, details jsonb)
ON CONFLICT (channel, first_position) DO NOTHING
