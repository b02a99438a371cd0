SELECT severity, count(*)::float8 AS groups
FROM error_log
WHERE channel = 'errors' AND NOT acknowledged
GROUP BY severity
