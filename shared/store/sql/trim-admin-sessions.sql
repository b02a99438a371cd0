-- $1 user id  $2 sessions a user may have  $3 now
-- Those that have expired, of whomever, and the oldest of this user beyond what he may have.
DELETE FROM admin_sessions
WHERE expires_at <= $3
  OR id IN (SELECT id FROM admin_sessions WHERE user_id = $1 ORDER BY created_at DESC, id OFFSET $2)
RETURNING id
