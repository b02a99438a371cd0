-- $1 user id
SELECT totp_pending_secret FROM admin_users WHERE id = $1
