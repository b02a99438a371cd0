-- What the triggers of calls would have made of them: who took part …
INSERT INTO call_parties (kind, value, direction, disposition, at, call_id)
SELECT kind, value, direction, disposition, at, call_id
FROM calls, call_parties_of(dns, number_keys, via_dn)
