-- $1 user id  $2 digest  $3 now
-- No row comes back when there is no such code or it was used.
UPDATE admin_recovery_codes SET used_at = $3 WHERE user_id = $1 AND digest = $2 AND used_at IS NULL RETURNING user_id
