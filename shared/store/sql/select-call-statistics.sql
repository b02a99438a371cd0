-- $1 kind  $2 ids, null: all  $3 directions, null: all  $4 from  $5 before  $6 hour, day or month  $7 time zone
SELECT date_trunc($6, hour, $7) AS period, id, sum(calls)::float8 AS calls, sum(answered)::float8 AS answered,
  sum(missed)::float8 AS missed, sum(abandoned)::float8 AS abandoned, sum(busy)::float8 AS busy,
  sum(failed)::float8 AS failed, sum(cancelled)::float8 AS cancelled, sum(unknown)::float8 AS unknown,
  sum(ring_ms)::float8 AS "ringMs", sum(ring_count)::float8 AS "ringCount",
  sum(talk_ms)::float8 AS "talkMs", sum(talk_count)::float8 AS "talkCount"
FROM call_hours
WHERE kind = $1 AND hour >= $4 AND hour < $5
  AND ($2::text[] IS NULL OR id = ANY ($2::text[]))
  AND ($3::text[] IS NULL OR direction = ANY ($3::text[]))
GROUP BY period, id
HAVING sum(calls) > 0
ORDER BY period, id
