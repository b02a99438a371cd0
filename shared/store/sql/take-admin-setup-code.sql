-- $1 digest  $2 now
-- No row comes back when there is no such code in force, or somebody was first.
DELETE FROM admin_setup_codes
WHERE digest = $1 AND expires_at > $2 AND NOT EXISTS (SELECT FROM admin_users)
RETURNING digest
