-- $1 directions  $2 dispositions  $3, $4 behind this key  $5, $6 before this one  $7 newest first  $8 limit
SELECT (extract(epoch FROM at) * 1000)::float8 AS at, call_id AS "callId"
FROM list_calls($1, $2, $3, $4, $5, $6, $7, $8)
