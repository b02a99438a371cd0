-- $1 channel  $2 epoch  $3 seq
UPDATE event_index_positions SET epoch = $2, seq = $3, updated_at = now() WHERE channel = $1
