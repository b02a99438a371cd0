-- The triggers admin_sessions_end and admin_users_change notify with the id of the session.
LISTEN admin_sessions
