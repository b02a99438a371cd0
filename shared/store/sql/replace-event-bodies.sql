-- $1 channel  $2 JSON array of {epoch, seq, body}
UPDATE events
SET body = replaced.body::json
FROM json_to_recordset($2::json) AS replaced (epoch text, seq bigint, body text)
WHERE events.channel = $1 AND events.epoch = replaced.epoch AND events.seq = replaced.seq
