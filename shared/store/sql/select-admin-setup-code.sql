-- $1 digest  $2 now
SELECT EXISTS (SELECT FROM admin_setup_codes WHERE digest = $1 AND expires_at > $2) AS found
