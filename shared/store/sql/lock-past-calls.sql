-- Locks the position for this transaction. No row: nothing is left to do, or another worker is at it.
SELECT epoch, seq::float8 AS seq FROM past_calls FOR UPDATE SKIP LOCKED
