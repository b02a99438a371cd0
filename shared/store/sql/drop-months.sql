-- $1 table that is partitioned by months  $2 keep what is not older than this
SELECT drop_months($1, $2::timestamptz) AS dropped
