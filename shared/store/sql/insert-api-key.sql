-- $1 client name  $2 bcrypt hash  $3 prefix  $4 digest  $5 digest key id  $6 permissions  $7 created by  $8 expires at
-- $9 dns  $10 addresses  $11 max connections  $12 requests per second
INSERT INTO api_keys
  (client_name, key_hash, key_prefix, key_digest, digest_key_id, permissions, created_by, expires_at,
   dns, addresses, max_connections, requests_per_second)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11, $12)
RETURNING id
