-- $1 id  $2 hash that it replaces  $3 bcrypt hash of the same password
UPDATE admin_users SET password = $3 WHERE id = $1 AND password = $2
