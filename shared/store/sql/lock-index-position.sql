-- $1 channel
-- Locks the channel's index for this transaction. No row: another worker is indexing this channel right now.
SELECT epoch, seq::float8 AS seq FROM event_index_positions WHERE channel = $1 FOR UPDATE SKIP LOCKED
