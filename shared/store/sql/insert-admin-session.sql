-- $1 id  $2 user id  $3 bcrypt hash that the password was compared with  $4 now  $5 expires at  $6 address  $7 user agent
-- No row comes back when the user was deactivated or the password changed while it was being compared.
WITH signed_in AS (
  UPDATE admin_users SET last_login_at = $4
  WHERE id = $2 AND active AND password = $3
  RETURNING id
)
INSERT INTO admin_sessions (id, user_id, created_at, expires_at, last_seen_at, address, user_agent)
SELECT $1, id, $4, $5, $4, $6, $7
FROM signed_in
RETURNING id
