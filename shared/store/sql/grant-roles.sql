SELECT grant_roles()
