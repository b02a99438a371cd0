-- $1 components  $2 from, inclusive. Of each component in the order of time.
SELECT sample.component, sample.state, sample.latency, sample.timestamp
FROM unnest($1::text[]) AS asked (name),
  LATERAL (
    SELECT component, state, latency, timestamp, id FROM connection_status_history
    WHERE component = asked.name AND timestamp >= $2
    ORDER BY timestamp, id
  ) AS sample
