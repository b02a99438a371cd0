-- $1 channel  $2 JSON array of rows
-- body travels as text and is cast here: a JSON value inside the array would be the parser's copy, not the bytes.
INSERT INTO events (channel, epoch, seq, at, type, event, dn, call_id, body)
SELECT $1, epoch, seq, to_timestamp(at / 1000.0), type, event, dn, call_id, body::json
FROM json_to_recordset($2::json)
  AS entry (epoch text, seq bigint, at bigint, type text, event text, dn text, call_id text, body text)
