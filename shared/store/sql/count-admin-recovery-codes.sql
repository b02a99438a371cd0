-- $1 user id
SELECT count(*)::integer AS codes_left FROM admin_recovery_codes WHERE user_id = $1 AND used_at IS NULL
