-- $1 id  $2 revoked by
UPDATE api_keys
SET active = false, revoked_at = now(), revoked_by = $2
WHERE id = $1 AND active
RETURNING client_name, key_prefix
