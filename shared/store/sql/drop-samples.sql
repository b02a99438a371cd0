-- $1 keep what was sampled since then
DELETE FROM connection_status_history WHERE timestamp < $1
