-- $1 channel
-- Locks the channel for this transaction. No row: another worker is copying this channel right now.
SELECT epoch, seq::float8 AS seq FROM log_positions WHERE channel = $1 FOR UPDATE SKIP LOCKED
