-- $1 ids
-- Without those of users who were deactivated.
SELECT admin_sessions.id, created_at, expires_at, last_seen_at, user_id, username, role, must_change_password,
  totp_secret IS NOT NULL AS has_second_factor
FROM (
  SELECT id, user_id, created_at, expires_at, last_seen_at FROM admin_sessions WHERE id = ANY ($1::uuid[])
) AS admin_sessions
JOIN (SELECT id AS user_id, username, role, must_change_password, totp_secret FROM admin_users WHERE active) AS users
  USING (user_id)
