-- $1 ids  $2 body of each
-- The row that was refused goes: it says nothing that the entry does not.
UPDATE dead_letters
SET body = replaced.body, details = NULL
FROM unnest($1::bigint[], $2::bytea[]) AS replaced (id, body)
WHERE dead_letters.id = replaced.id
