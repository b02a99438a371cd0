-- $1, $2 times and ids of the calls  $3 directions  $4 dispositions; null is any:
-- $5 extensions  $6 keys of numbers  $7 queues and ring groups  $8 extensions again, of which one must take part, too
SELECT call_id, (extract(epoch FROM at) * 1000)::float8 AS at, conversation_id, state, direction, disposition, started_at,
  ringing_at, answered_at, ended_at, caller_number, caller_name, caller_dn, callee_number, callee_name, callee_dn, did,
  via_dn, via_type, answered_by, dns, ring_ms::float8 AS ring_ms, talk_ms::float8 AS talk_ms, epoch, seq::float8 AS seq
FROM unnest($1::timestamptz[], $2::text[]) AS key (at, call_id)
JOIN calls USING (at, call_id)
WHERE direction = ANY ($3::text[]) AND disposition = ANY ($4::text[])
  AND ($5::text[] IS NULL OR dns && $5::text[])
  AND ($6::text[] IS NULL OR number_keys && $6::text[])
  AND ($7::text[] IS NULL OR via_dn = ANY ($7::text[]))
  AND ($8::text[] IS NULL OR dns && $8::text[])
