-- $1 client name  $2 bcrypt hash  $3 prefix  $4 digest  $5 digest key id  $6 permissions  $7 created by  $8 expires at
INSERT INTO api_keys (client_name, key_hash, key_prefix, key_digest, digest_key_id, permissions, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)
RETURNING id
