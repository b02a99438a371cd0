-- $1 id  $2 now
-- A minute is exact enough: a screen that asks every other second must not write every other second.
UPDATE wallboards SET last_seen_at = $2
WHERE id = $1 AND (last_seen_at IS NULL OR last_seen_at < $2::timestamptz - interval '1 minute')
