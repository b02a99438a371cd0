-- $1 id  $2 hash that it replaces, or NULL for whichever  $3 bcrypt hash  $4 now  $5 somebody else knows the password
-- $6 when it then ends
UPDATE admin_users
SET password = $3, password_changed_at = $4, must_change_password = $5, password_expires_at = $6
WHERE id = $1 AND ($2::text IS NULL OR password = $2)
RETURNING id
