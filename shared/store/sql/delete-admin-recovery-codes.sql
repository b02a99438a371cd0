-- $1 user id
DELETE FROM admin_recovery_codes WHERE user_id = $1
