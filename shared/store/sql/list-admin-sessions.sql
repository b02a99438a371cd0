-- $1 user id  $2 now  $3 those that were not used since then have ended
SELECT id, created_at, last_seen_at, expires_at, address, user_agent
FROM admin_sessions
WHERE user_id = $1 AND expires_at > $2 AND last_seen_at > $3
ORDER BY last_seen_at DESC, id
