-- $1 channel
SELECT epoch, seq::float8 AS seq FROM event_index_positions WHERE channel = $1
