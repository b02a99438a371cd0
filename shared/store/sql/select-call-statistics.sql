-- $1 kind  $2 ids, null: all  $3 directions, null: all  $4 from  $5 before  $6 hour, day or month  $7 time zone
-- $8 rows at most, null: all
-- A day (UTC) that lies in the span counts as one row, in the period of its noon. Its hours that are in another period,
-- in another time zone the first or the last of them, are taken from there and given to theirs. OFFSET 0: each day and
-- hour is one probe of the index. float8: exact for whole numbers below 2^53; a sum of bigint is a slow numeric.
WITH days AS MATERIALIZED (
  SELECT day, date_trunc($6, day + interval '12 hours', $7) AS period,
    $6 <> 'hour' AND day >= $4 AND day + interval '23 hours' < $5 AS is_whole,
    date_trunc($6, day, $7) <> date_trunc($6, day + interval '23 hours', $7) AS is_cut
  FROM generate_series(date_trunc('day', $4::timestamptz, 'UTC'), $5::timestamptz, interval '24 hours') AS day
), hours AS MATERIALIZED (
  SELECT hour, is_whole, days.period AS period_of_day, date_trunc($6, hour, $7) AS period
  FROM days, generate_series(day, day + interval '23 hours', interval '1 hour') AS hour
  WHERE hour >= $4 AND hour < $5 AND (NOT is_whole OR is_cut AND date_trunc($6, hour, $7) <> days.period)
), summed AS (
  SELECT period, 1 AS sign, found.*
  FROM days, LATERAL (
    SELECT * FROM call_sums
    WHERE call_sums.by = 'day' AND kind = $1 AND call_sums.hour = days.day
      AND ($2::text[] IS NULL OR id = ANY ($2::text[])) AND ($3::text[] IS NULL OR direction = ANY ($3::text[]))
    OFFSET 0
  ) AS found
  WHERE is_whole
  UNION ALL
  SELECT part.period, part.sign, found.*
  FROM hours, LATERAL (
    SELECT * FROM call_sums
    WHERE call_sums.by = 'hour' AND kind = $1 AND call_sums.hour = hours.hour
      AND ($2::text[] IS NULL OR id = ANY ($2::text[])) AND ($3::text[] IS NULL OR direction = ANY ($3::text[]))
    OFFSET 0
  ) AS found, LATERAL (VALUES (hours.period, 1), (period_of_day, -1)) AS part (period, sign)
  WHERE is_whole OR part.sign = 1
)
SELECT period, id,
  sum((sign * calls)::float8) AS calls, sum((sign * answered)::float8) AS answered,
  sum((sign * missed)::float8) AS missed, sum((sign * abandoned)::float8) AS abandoned,
  sum((sign * busy)::float8) AS busy, sum((sign * failed)::float8) AS failed,
  sum((sign * cancelled)::float8) AS cancelled, sum((sign * unknown)::float8) AS unknown,
  sum((sign * ring_ms)::float8) AS "ringMs", sum((sign * ring_count)::float8) AS "ringCount",
  sum((sign * talk_ms)::float8) AS "talkMs", sum((sign * talk_count)::float8) AS "talkCount"
FROM summed
GROUP BY period, id
HAVING sum((sign * calls)::float8) > 0
ORDER BY period, id
LIMIT $8
