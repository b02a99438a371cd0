-- $1 channel  $2 drop what is older than this  $3 at most so many rows
DELETE FROM dead_letters
WHERE id IN (SELECT id FROM dead_letters WHERE channel = $1 AND created_at < $2 ORDER BY id LIMIT $3)
