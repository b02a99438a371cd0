-- $1 number of the entry
SELECT redact_audit_content($1) AS redacted
