-- $1 now  $2 id, or NULL for all  $3 sessions that were not used since then have ended
SELECT id, username, role, active, totp_secret IS NOT NULL AS has_second_factor, created_at, created_by, last_login_at,
  password_changed_at, must_change_password,
  (
    SELECT count(*)::integer FROM admin_sessions
    WHERE user_id = admin_users.id AND expires_at > $1 AND last_seen_at > $3
  ) AS sessions
FROM admin_users
WHERE $2::integer IS NULL OR id = $2
ORDER BY lower(username)
