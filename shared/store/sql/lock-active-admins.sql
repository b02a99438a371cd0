-- Of two changes at once the second waits here, and then sees what the first has left.
SELECT id FROM admin_users WHERE role = 'admin' AND active ORDER BY id FOR UPDATE
