-- $1 channel  $2 keep what is not older than this
SELECT drop_events_months($1, $2::timestamptz) AS dropped
