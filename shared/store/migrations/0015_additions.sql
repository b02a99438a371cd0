-- Migrations that only add (tables, columns with a default, indexes): a version that does not know them may go on working
-- with the schema, so that an upgrade that brought one can be taken back. Each such migration adds its own name.
CREATE TABLE schema_additions (name text PRIMARY KEY);
INSERT INTO schema_additions (name) VALUES ('0015_additions');
