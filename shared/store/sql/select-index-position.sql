-- $1 channel
-- Up to where the channel is indexed and up to where it is persisted, and its epochs, oldest first.
SELECT indexed.epoch, indexed.seq::float8 AS seq,
  persisted.epoch AS persisted_epoch, persisted.seq::float8 AS persisted_seq,
  ARRAY(SELECT begun.epoch FROM log_epochs AS begun WHERE begun.channel = $1 ORDER BY begun.epoch) AS epochs
FROM event_index_positions AS indexed
JOIN log_positions AS persisted USING (channel)
WHERE channel = $1
