-- $1 started  $2 finished  $3 requested by  $4 outcome  $5 report, JSON or null  $6 error or null
INSERT INTO audit_verifications (started_at, finished_at, requested_by, outcome, report, error)
VALUES ($1, $2, $3, $4, $5, $6)
