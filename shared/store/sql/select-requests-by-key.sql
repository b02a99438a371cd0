-- $1 beginning of the first hour
SELECT api_key_id, sum(requests)::float8 AS requests
FROM api_usage_hours
WHERE hour >= $1 AND api_key_id > 0
GROUP BY api_key_id
