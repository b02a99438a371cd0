-- One writer of calls at a time, until its transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('calls', 0))
