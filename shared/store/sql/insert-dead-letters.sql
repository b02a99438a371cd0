-- $1 JSON array of letters  $2 the bytes of their bodies, one for each
INSERT INTO dead_letters (channel, epoch, seq, at, type, event, dn, call_id, body, target, reason, sqlstate, details)
SELECT channel, epoch, seq, at, type, event, dn, call_id, body, target, reason, sqlstate, details
FROM ROWS FROM (
  json_to_recordset($1::json) AS (channel text, epoch text, seq bigint, at timestamptz, type text, event text, dn text,
    call_id text, target text, reason text, sqlstate text, details jsonb),
  unnest($2::bytea[])
) AS letter (channel, epoch, seq, at, type, event, dn, call_id, target, reason, sqlstate, details, body)
ON CONFLICT (channel, epoch, seq, target) DO NOTHING
