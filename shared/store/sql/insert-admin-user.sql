-- $1 username  $2 bcrypt hash  $3 role  $4 created by  $5 somebody else knows the password  $6 when it then ends
-- No row comes back when the name is taken.
INSERT INTO admin_users (username, password, role, created_by, must_change_password, password_expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (lower(username)) DO NOTHING
RETURNING id, username
