-- $1 user id  $2 id of the session that stays, or NULL
DELETE FROM admin_sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id <> $2) RETURNING id
