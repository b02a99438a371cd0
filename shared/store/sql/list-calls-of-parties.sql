-- $1 kind  $2 values; then as in list-calls: $3 directions  $4 dispositions  $5, $6 behind this key  $7, $8 before this one
-- $9 newest first  $10 limit
SELECT (extract(epoch FROM at) * 1000)::float8 AS at, call_id AS "callId"
FROM list_calls_of_parties($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
