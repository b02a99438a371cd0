-- $1 id  $2 role, or NULL to keep it  $3 active, or NULL to keep it
UPDATE admin_users SET role = coalesce($2, role), active = coalesce($3, active) WHERE id = $1 RETURNING id
