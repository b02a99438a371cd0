-- $1 ids
SELECT id, client_name, key_hash, key_digest, digest_key_id, permissions, active, expires_at, dns, addresses,
  max_connections, requests_per_second
FROM api_keys
WHERE id = ANY ($1::integer[])
