-- $1 channel  $2 any day of the month, YYYY-MM-DD
SELECT create_events_month($1, $2::date) AS created
