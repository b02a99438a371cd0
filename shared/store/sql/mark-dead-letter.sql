-- $1 id  $2 whether it is resolved  $3 the new reason and $4 its SQLSTATE when it is not
UPDATE dead_letters SET
  retried_at = now(),
  resolved_at = CASE WHEN $2 THEN now() END,
  reason = CASE WHEN $2 THEN reason ELSE $3 END,
  sqlstate = CASE WHEN $2 THEN sqlstate ELSE $4 END
WHERE id = $1
