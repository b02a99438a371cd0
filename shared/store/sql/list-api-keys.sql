SELECT id, client_name, key_prefix, permissions, active, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by,
  dns, addresses, max_connections, requests_per_second, replaced_by
FROM api_keys
ORDER BY id
