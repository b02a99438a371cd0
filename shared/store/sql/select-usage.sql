-- $1 key, 0 for requests without one, null for all  $2 from and $3 to, by the beginning of their hour  $4 hour or day (UTC)
-- $5 status, endpoint or null: what a row is of beside its time
SELECT date_trunc($4, hour, 'UTC') AS at,
  CASE WHEN $5 = 'status' THEN status END AS status,
  CASE WHEN $5 = 'endpoint' THEN endpoint END AS endpoint,
  sum(requests)::float8 AS requests,
  sum(duration_ms)::float8 AS duration_ms,
  max(duration_max_ms) AS duration_max_ms,
  sum(bytes)::float8 AS bytes
FROM api_usage_hours
WHERE ($1::integer IS NULL OR api_key_id = $1) AND hour >= $2 AND hour < $3
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
