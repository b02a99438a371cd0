-- $1 ms since the copy began
-- Rows are sent as fast as they are taken: a copy that began so long ago and waits for its client has none.
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user
  AND state = 'active' AND wait_event = 'ClientRead' AND query LIKE '%COPY events %'
  AND query_start < now() - $1 * interval '1 millisecond'
