-- $1 epoch  $2 seq
UPDATE past_calls SET epoch = $1, seq = $2
