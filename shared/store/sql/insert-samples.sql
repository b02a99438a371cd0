-- $1 JSON array of samples
INSERT INTO connection_status_history (component, state, latency, error_message, timestamp)
SELECT component, state, latency, error, at
FROM json_to_recordset($1::json) AS sample (component text, state text, latency integer, error text, at timestamptz)
