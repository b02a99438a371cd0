-- $1 id  $2 user id
DELETE FROM admin_sessions WHERE id = $1 AND user_id = $2 RETURNING id
