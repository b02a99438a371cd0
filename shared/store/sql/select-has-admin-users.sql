SELECT EXISTS (SELECT FROM admin_users) AS found
