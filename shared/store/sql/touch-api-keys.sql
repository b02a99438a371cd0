-- $1 ids  $2 times, one for each id
UPDATE api_keys
SET last_used_at = used.at
FROM unnest($1::integer[], $2::timestamptz[]) AS used (id, at)
WHERE api_keys.id = used.id AND (api_keys.last_used_at IS NULL OR api_keys.last_used_at < used.at)
