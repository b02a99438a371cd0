-- $1 digits of the number
DELETE FROM event_index WHERE channel = 'calls' AND kind = 'number' AND value = $1
