-- $1 table that is partitioned by months  $2 any day of the month, YYYY-MM-DD
SELECT create_month($1, $2::date) AS created
