-- $1 username, in whatever case
SELECT id, username, password, role, active, must_change_password, password_expires_at, totp_secret
FROM admin_users
WHERE lower(username) = lower($1)
