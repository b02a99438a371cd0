-- $1 keep what occurred since then
DELETE FROM error_log WHERE timestamp < $1
