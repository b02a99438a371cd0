-- $1 username
SELECT id, username, password, role, active FROM admin_users WHERE lower(username) = lower($1)
