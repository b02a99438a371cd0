-- $1 JSON array of calls, each once
-- An entry that is older than the one a row is made from changes nothing. Sorted, so that two writers never wait for
-- each other in a circle.
INSERT INTO calls (call_id, at, conversation_id, state, direction, disposition, started_at, ringing_at, answered_at,
  ended_at, caller_number, caller_name, caller_dn, callee_number, callee_name, callee_dn, did, via_dn, via_type,
  answered_by, dns, number_keys, ring_ms, talk_ms, epoch, seq)
SELECT "callId", at, "conversationId", state, coalesce(direction, 'unknown'), coalesce(disposition, 'unknown'),
  "startedAt", "ringingAt", "answeredAt", "endedAt", "callerNumber", "callerName", "callerDn", "calleeNumber",
  "calleeName", "calleeDn", did, "viaDn", "viaType", "answeredBy", dns, "numberKeys", "ringMs", "talkMs", epoch, seq
FROM json_to_recordset($1::json)
  AS call ("callId" text, at timestamptz, "conversationId" text, state text, direction text, disposition text,
    "startedAt" timestamptz, "ringingAt" timestamptz, "answeredAt" timestamptz, "endedAt" timestamptz,
    "callerNumber" text, "callerName" text, "callerDn" text, "calleeNumber" text, "calleeName" text, "calleeDn" text,
    did text, "viaDn" text, "viaType" text, "answeredBy" text, dns text[], "numberKeys" text[], "ringMs" bigint,
    "talkMs" bigint, epoch text, seq bigint)
ORDER BY "callId"
ON CONFLICT (call_id, at) DO UPDATE SET
  conversation_id = EXCLUDED.conversation_id,
  state = EXCLUDED.state,
  direction = EXCLUDED.direction,
  disposition = EXCLUDED.disposition,
  started_at = EXCLUDED.started_at,
  ringing_at = EXCLUDED.ringing_at,
  answered_at = EXCLUDED.answered_at,
  ended_at = EXCLUDED.ended_at,
  caller_number = EXCLUDED.caller_number,
  caller_name = EXCLUDED.caller_name,
  caller_dn = EXCLUDED.caller_dn,
  callee_number = EXCLUDED.callee_number,
  callee_name = EXCLUDED.callee_name,
  callee_dn = EXCLUDED.callee_dn,
  did = EXCLUDED.did,
  via_dn = EXCLUDED.via_dn,
  via_type = EXCLUDED.via_type,
  answered_by = EXCLUDED.answered_by,
  dns = EXCLUDED.dns,
  number_keys = EXCLUDED.number_keys,
  ring_ms = EXCLUDED.ring_ms,
  talk_ms = EXCLUDED.talk_ms,
  epoch = EXCLUDED.epoch,
  seq = EXCLUDED.seq
WHERE (calls.epoch, calls.seq) < (EXCLUDED.epoch, EXCLUDED.seq)
