-- Only one transaction at a time makes the chain longer or shorter.
SELECT pg_advisory_xact_lock(hashtextextended('audit chain', 0))
