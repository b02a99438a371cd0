-- $1 channel  $2 JSON array of rows without their bodies  $3 the bodies in the same order, between them U+001E
-- Bodies travel as they are: as strings inside the JSON they would be written, read and unescaped once more, which is
-- twice the time of all the rest. In JSON no U+001E can stand, so a body with one makes a row too many, which is
-- refused (its epoch is NULL).
INSERT INTO events (channel, epoch, seq, at, type, event, dn, call_id, body)
SELECT $1, epoch, seq, to_timestamp(at / 1000.0), type, event, dn, call_id, body::json
FROM ROWS FROM (
  json_to_recordset($2::json) AS (epoch text, seq bigint, at bigint, type text, event text, dn text, call_id text),
  string_to_table($3, E'\x1e')
) AS entry (epoch, seq, at, type, event, dn, call_id, body)
