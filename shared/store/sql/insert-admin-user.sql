-- $1 username  $2 bcrypt hash  $3 role  $4 created by
-- No row comes back when the name is taken.
INSERT INTO admin_users (username, password, role, created_by)
VALUES ($1, $2, $3, $4)
ON CONFLICT (lower(username)) DO NOTHING
RETURNING id, username
