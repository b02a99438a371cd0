-- $1 name  $2 digest  $3 created by  $4 expires at
INSERT INTO wallboards (name, digest, created_by, expires_at) VALUES ($1, $2, $3, $4) RETURNING id
