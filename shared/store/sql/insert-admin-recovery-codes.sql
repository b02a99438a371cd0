-- $1 user id  $2 digests
INSERT INTO admin_recovery_codes (user_id, digest) SELECT $1, digest FROM unnest($2::bytea[]) AS digest
