-- $1 ids  $2 times, one for each id
UPDATE admin_sessions
SET last_seen_at = seen.at
FROM unnest($1::uuid[], $2::timestamptz[]) AS seen (id, at)
WHERE admin_sessions.id = seen.id AND admin_sessions.last_seen_at < seen.at
