-- $1 prefix
-- Revoked keys too: the caller must be able to say "revoked" instead of "unknown".
SELECT id, client_name, key_hash, key_digest, digest_key_id, permissions, active, expires_at, dns, addresses,
  max_connections, requests_per_second
FROM api_keys
WHERE key_prefix = $1
ORDER BY id
