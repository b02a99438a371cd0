-- $1 how many  $2 number of the first  $3 from  $4 to
-- Calls of a middle-sized office: a hundred extensions, five queues, two hundred thousand customers, one main number.
WITH numbered AS (
  SELECT n, (extract(epoch FROM $3::timestamptz) * 1000)::bigint
    + floor(n * extract(epoch FROM $4::timestamptz - $3::timestamptz) * 1000 / $1::bigint)::bigint AS ms
  FROM generate_series(0, $1::bigint - 1) AS n
), drawn AS (
  SELECT n + $2::bigint AS n, ms, hashint8(n + $2::bigint) & 2147483647 AS h FROM numbered
), told AS (
  SELECT n, h, to_timestamp(ms / 1000.0) AS at,
    substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 78364164096 % 36)::int, 1)
      || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 2176782336 % 36)::int, 1)
      || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 60466176 % 36)::int, 1)
      || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 1679616 % 36)::int, 1)
      || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 46656 % 36)::int, 1)
      || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 1296 % 36)::int, 1)
      || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 36 % 36)::int, 1)
      || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (ms / 1 % 36)::int, 1) || '-' || n AS call_id,
    CASE WHEN h % 10 < 6 THEN 'inbound' WHEN h % 10 < 8 THEN 'outbound' ELSE 'internal' END AS direction,
    CASE WHEN h % 100 < 70 THEN 'answered' WHEN h % 100 < 82 THEN 'missed' WHEN h % 100 < 90 THEN 'abandoned'
      WHEN h % 100 < 94 THEN 'busy' WHEN h % 100 < 97 THEN 'cancelled' WHEN h % 100 < 99 THEN 'failed' ELSE 'unknown' END
      AS disposition,
    (100 + h / 100 % 100)::text AS dn, (100 + h / 7 % 100)::text AS other,
    '4930' || 1000000 + h % 200000 AS number, (800 + h / 3 % 5)::text AS queue
  FROM drawn
)
INSERT INTO calls (call_id, at, conversation_id, state, direction, disposition, started_at, ringing_at, answered_at,
  ended_at, caller_number, caller_name, callee_number, callee_name, callee_dn, did, via_dn, via_type, answered_by, dns,
  number_keys, ring_ms, talk_ms, epoch, seq)
SELECT call_id, at, call_id, 'ended', direction, disposition, at, at + interval '1 second',
  CASE disposition WHEN 'answered' THEN at + interval '9 seconds' END, at + interval '3 minutes', number, 'Customer',
  dn, 'Agent', dn, CASE direction WHEN 'inbound' THEN '493055500' END, CASE WHEN h % 3 = 0 THEN queue END,
  CASE WHEN h % 3 = 0 THEN 'queue' END, CASE disposition WHEN 'answered' THEN dn END,
  array_remove(ARRAY[dn, nullif(other, dn), CASE WHEN h % 3 = 0 THEN queue END], NULL),
  array_remove(ARRAY[number, dn, CASE direction WHEN 'inbound' THEN '493055500' END], NULL), h % 30000,
  CASE disposition WHEN 'answered' THEN h % 600000 END, 'm5k2h7qa', n
FROM told
