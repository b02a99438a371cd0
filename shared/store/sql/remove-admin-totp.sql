-- $1 user id
-- No row comes back when there was none.
UPDATE admin_users
SET totp_secret = NULL, totp_pending_secret = NULL, totp_last_step = NULL
WHERE id = $1 AND totp_secret IS NOT NULL
RETURNING id
