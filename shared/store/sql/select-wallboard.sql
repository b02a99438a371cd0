-- $1 digest  $2 now
SELECT id, name, expires_at AS "expiresAt" FROM wallboards
WHERE digest = $1 AND revoked_at IS NULL AND expires_at > $2
