-- Each channel that was copied, with its epochs oldest first; what PostgreSQL has of the last one is in log_positions.
SELECT positions.channel, positions.epoch, positions.seq::float8 AS seq,
  array_agg(epochs.epoch ORDER BY epochs.epoch) AS epochs,
  array_agg(epochs.first_seq::float8 ORDER BY epochs.epoch) AS firsts
FROM log_positions AS positions
JOIN log_epochs AS epochs ON epochs.channel = positions.channel AND epochs.epoch <= positions.epoch
WHERE positions.epoch IS NOT NULL
GROUP BY positions.channel, positions.epoch, positions.seq
