-- $1 digest  $2 expires at
INSERT INTO admin_setup_codes (digest, expires_at) VALUES ($1, $2)
