-- … and the sums of hours and days, which come in their order.
INSERT INTO call_sums (by, kind, id, hour, direction, calls, answered, missed, abandoned, busy, failed, cancelled, unknown,
  ring_ms, ring_count, talk_ms, talk_count)
SELECT by, kind, id, date_trunc(by, at, 'UTC') AS hour, direction,
  count(*), count(*) FILTER (WHERE disposition = 'answered'),
  count(*) FILTER (WHERE disposition = 'missed'), count(*) FILTER (WHERE disposition = 'abandoned'),
  count(*) FILTER (WHERE disposition = 'busy'), count(*) FILTER (WHERE disposition = 'failed'),
  count(*) FILTER (WHERE disposition = 'cancelled'), count(*) FILTER (WHERE disposition = 'unknown'),
  coalesce(sum(ring_ms), 0), count(ring_ms), coalesce(sum(talk_ms), 0), count(talk_ms)
FROM calls, call_counts_for(dns, via_dn), unnest(ARRAY['hour', 'day']) AS by
WHERE state = 'ended'
GROUP BY by, kind, id, 4, direction
ORDER BY hour
