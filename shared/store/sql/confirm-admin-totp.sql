-- $1 user id  $2 the secret that was offered  $3 time step of the code that confirms it
UPDATE admin_users
SET totp_secret = totp_pending_secret, totp_pending_secret = NULL, totp_last_step = $3
WHERE id = $1 AND totp_pending_secret = $2
RETURNING id
