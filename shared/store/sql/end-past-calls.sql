-- All entries have been seen.
DELETE FROM past_calls
