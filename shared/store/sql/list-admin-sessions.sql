-- $1 user id  $2 now
SELECT id, created_at, last_seen_at, expires_at, address, user_agent
FROM admin_sessions
WHERE user_id = $1 AND expires_at > $2
ORDER BY last_seen_at DESC, id
