-- What a PBX holds beside its call records and what readers look up there: `users_view` and `parameter` (3cx.md §3.3).
CREATE TABLE IF NOT EXISTS users (
  id integer PRIMARY KEY,
  dn text NOT NULL,
  display_name text NOT NULL
);

CREATE OR REPLACE VIEW users_view AS SELECT id, dn, display_name FROM users;

CREATE TABLE IF NOT EXISTS parameter (
  idparameter serial PRIMARY KEY,
  name text NOT NULL UNIQUE,
  value text NOT NULL
);
