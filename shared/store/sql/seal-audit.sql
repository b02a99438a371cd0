-- $1 number of the last entry to go
SELECT seal_audit($1)::float8 AS sealed
