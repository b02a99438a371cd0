-- $1 id
-- A revoked key too: the caller must be able to say "revoked" instead of "unknown".
SELECT id, client_name, key_hash, key_digest, digest_key_id, permissions, active, expires_at
FROM api_keys
WHERE id = $1
