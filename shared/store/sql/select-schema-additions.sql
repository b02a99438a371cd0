SELECT name FROM schema_additions
