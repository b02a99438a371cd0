-- The list of errors, newest first, without the lines of the audit: those are many more, and mostly newer.
CREATE INDEX error_log_errors ON error_log (timestamp DESC, first_position DESC) WHERE channel = 'errors';
-- What is past retention. Rows come in the order of their time, so that the smallest kind of index does.
CREATE INDEX connection_status_history_time ON connection_status_history USING brin (timestamp);
