-- $1 JSON array of requests
INSERT INTO api_requests (api_key_id, endpoint, method, status_code, response_time, timestamp, suppressed)
SELECT "keyId", endpoint, method, status, "durationMs", at, suppressed
FROM json_to_recordset($1::json)
  AS request ("keyId" integer, endpoint text, method text, status integer, "durationMs" integer, at timestamptz,
    suppressed integer)
