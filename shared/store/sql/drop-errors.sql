-- $1 channel: errors, or audit for its lines  $2 keep what occurred since then  $3 most rows to delete
DELETE FROM error_log
WHERE ctid = ANY (ARRAY (SELECT ctid FROM error_log WHERE channel = $1 AND timestamp < $2 LIMIT $3))
