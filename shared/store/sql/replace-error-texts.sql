-- $1 JSON array of {id, message, details}
UPDATE error_log
SET message = replaced.message, details = replaced.details::jsonb
FROM json_to_recordset($1::json) AS replaced (id bigint, message text, details text)
WHERE error_log.id = replaced.id
