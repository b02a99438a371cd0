SELECT started_at, finished_at, requested_by, outcome, report, error
FROM audit_verifications
ORDER BY id DESC
LIMIT 1
