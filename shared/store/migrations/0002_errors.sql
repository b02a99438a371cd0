-- Errors are grouped: one row of error_log stands for all occurrences of a fingerprint until it is acknowledged; what
-- occurs after that opens a new row. "timestamp" is the latest occurrence, "message" and "details" are its own.
ALTER TABLE error_log
  -- The channel of the log that the row comes from: errors, or audit for its one line per sensitive operation.
  ADD COLUMN channel text NOT NULL DEFAULT 'errors',
  -- Positions in that channel, which name an occurrence. They sort as text, byte by byte.
  ADD COLUMN first_position text COLLATE "C",
  ADD COLUMN last_position text COLLATE "C",
  ADD COLUMN fingerprint varchar(64),
  ADD COLUMN service varchar(50),
  ADD COLUMN first_seen timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN count bigint NOT NULL DEFAULT 1;
UPDATE error_log SET first_seen = timestamp;

-- What the persister writes again after a crash hits the row that is there.
CREATE UNIQUE INDEX error_log_position ON error_log (channel, first_position);
CREATE INDEX error_log_open_fingerprint ON error_log (fingerprint) WHERE NOT acknowledged;
-- The list of errors, newest first, one page after the other.
CREATE INDEX error_log_list ON error_log (timestamp DESC, first_position DESC);
DROP INDEX error_log_time;

COMMENT ON COLUMN error_log.count IS 'occurrences, those that were counted and not written included';

-- The newest sample of a component is asked for with every batch.
COMMENT ON TABLE connection_status_history IS
  'every change of state or error message of a component, and one sample a minute between changes';
