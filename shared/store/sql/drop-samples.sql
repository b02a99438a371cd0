-- $1 keep what was sampled since then  $2 most rows to delete
DELETE FROM connection_status_history
WHERE ctid = ANY (ARRAY (SELECT ctid FROM connection_status_history WHERE timestamp < $1 LIMIT $2))
