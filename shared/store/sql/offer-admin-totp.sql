-- $1 user id  $2 encrypted secret
UPDATE admin_users SET totp_pending_secret = $2 WHERE id = $1
