-- $1 user id  $2 time step
-- No row comes back when a code of this step or a later one was accepted before.
UPDATE admin_users
SET totp_last_step = $2
WHERE id = $1 AND totp_secret IS NOT NULL AND (totp_last_step IS NULL OR totp_last_step < $2)
RETURNING id
