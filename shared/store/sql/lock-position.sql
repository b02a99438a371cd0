-- $1 channel
-- Locks the channel for this transaction: whoever copies next waits here and then sees the new position.
SELECT epoch, seq::float8 AS seq FROM log_positions WHERE channel = $1 FOR UPDATE
