-- $1 digits of the number  $2 alias
-- Who took part is made from these rows by a trigger.
UPDATE calls
SET caller_name = CASE WHEN number_key(caller_number) = $1 THEN $2 ELSE caller_name END,
  caller_number = CASE WHEN number_key(caller_number) = $1 THEN $2 ELSE caller_number END,
  callee_name = CASE WHEN number_key(callee_number) = $1 THEN $2 ELSE callee_name END,
  callee_number = CASE WHEN number_key(callee_number) = $1 THEN $2 ELSE callee_number END,
  did = CASE WHEN number_key(did) = $1 THEN $2 ELSE did END,
  number_keys = array_remove(number_keys, $1)
WHERE (call_id, at) IN (SELECT call_id, at FROM call_parties WHERE kind = 'number' AND value = $1)
