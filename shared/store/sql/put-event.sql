-- $1 channel  $2 epoch  $3 seq  $4 body
-- The body of an entry that was stored as text, as it was written.
UPDATE events SET body = $4::json WHERE channel = $1 AND epoch = $2 AND seq = $3
