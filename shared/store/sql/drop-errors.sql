-- $1 keep what occurred since then  $2 most rows to delete
DELETE FROM error_log WHERE ctid = ANY (ARRAY (SELECT ctid FROM error_log WHERE timestamp < $1 LIMIT $2))
