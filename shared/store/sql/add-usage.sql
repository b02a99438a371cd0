-- $1 JSON array of sums, each of another hour, key, endpoint or status
INSERT INTO api_usage_hours AS usage (hour, api_key_id, endpoint, status, requests, duration_ms, duration_max_ms, bytes)
SELECT hour, "keyId", endpoint, status, requests, "durationMs", "maxDurationMs", bytes
FROM json_to_recordset($1::json)
  AS added (hour timestamptz, "keyId" integer, endpoint text, status integer, requests bigint, "durationMs" bigint,
    "maxDurationMs" integer, bytes bigint)
-- Always in the same order: two that add to the same rows must not wait for each other.
ORDER BY "keyId", hour, endpoint, status
ON CONFLICT (api_key_id, hour, endpoint, status) DO UPDATE SET
  requests = usage.requests + EXCLUDED.requests,
  duration_ms = usage.duration_ms + EXCLUDED.duration_ms,
  duration_max_ms = greatest(usage.duration_max_ms, EXCLUDED.duration_max_ms),
  bytes = usage.bytes + EXCLUDED.bytes
