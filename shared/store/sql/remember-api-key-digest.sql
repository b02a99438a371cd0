-- $1 id  $2 digest  $3 digest key id
UPDATE api_keys SET key_digest = $2, digest_key_id = $3 WHERE id = $1
