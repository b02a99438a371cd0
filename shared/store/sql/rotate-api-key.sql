-- $1 id of the old key  $2 bcrypt hash  $3 prefix  $4 digest  $5 digest key id  $6 created by  $7 now  $8 end of the overlap
-- No row when the old key is not there, was revoked, has expired or was replaced; of two rotations at once the second
-- waits for the row and then finds it replaced.
WITH old AS (
  SELECT *
  FROM api_keys
  WHERE id = $1 AND active AND replaced_by IS NULL AND (expires_at IS NULL OR expires_at > $7)
  FOR UPDATE
), made AS (
  INSERT INTO api_keys
    (client_name, key_hash, key_prefix, key_digest, digest_key_id, permissions, created_by, expires_at,
     dns, addresses, max_connections, requests_per_second)
  SELECT client_name, $2, $3, $4, $5, permissions, $6, expires_at, dns, addresses, max_connections, requests_per_second
  FROM old
  RETURNING id
)
UPDATE api_keys
SET expires_at = LEAST(api_keys.expires_at, $8), replaced_by = made.id
FROM made
WHERE api_keys.id = $1
RETURNING made.id, api_keys.client_name, api_keys.expires_at
