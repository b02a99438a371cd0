-- Signing in to the panel: sessions that can be ended, passwords that somebody else chose, and the second factor.

ALTER TABLE admin_users
  -- Somebody else knows the password: its owner may do nothing before he has chosen another.
  ADD COLUMN must_change_password boolean NOT NULL DEFAULT false,
  -- Of such a password, when it ends; NULL: it does not.
  ADD COLUMN password_expires_at timestamptz,
  -- Secrets of RFC 6238, encrypted with a key that is not in this database. The pending one was shown and is not in
  -- force before a code of it was given.
  ADD COLUMN totp_secret bytea,
  ADD COLUMN totp_pending_secret bytea,
  -- The time step of the last code that was accepted: none is accepted twice.
  ADD COLUMN totp_last_step bigint;

-- What the second factor is replaced with when it is lost, each once.
CREATE TABLE admin_recovery_codes (
  user_id integer NOT NULL REFERENCES admin_users (id) ON DELETE CASCADE,
  digest bytea NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (user_id, digest)
);

-- A row ends with its session, whose beginning and end are in the audit.
CREATE TABLE admin_sessions (
  id uuid PRIMARY KEY,
  user_id integer NOT NULL REFERENCES admin_users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  address text,
  user_agent varchar(256)
);
CREATE INDEX admin_sessions_user ON admin_sessions (user_id, created_at);
CREATE INDEX admin_sessions_expiry ON admin_sessions (expires_at);

-- Lets whoever has a shell on the host make the first user from a browser.
CREATE TABLE admin_setup_codes (
  digest bytea PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);

-- Tells every relay that what it knows of a session may be true no more, whoever changed the row.
CREATE FUNCTION tell_admin_session_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('admin_sessions', OLD.id::text);
  RETURN NULL;
END $$;

CREATE TRIGGER admin_sessions_end
AFTER DELETE ON admin_sessions FOR EACH ROW EXECUTE FUNCTION tell_admin_session_end();

CREATE FUNCTION tell_admin_user_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('admin_sessions', id::text) FROM admin_sessions WHERE user_id = OLD.id;
  RETURN NULL;
END $$;

CREATE TRIGGER admin_users_change
AFTER UPDATE OF username, role, active, must_change_password, totp_secret
ON admin_users FOR EACH ROW EXECUTE FUNCTION tell_admin_user_change();

INSERT INTO role_rights (role, relation, rights) VALUES
  ('relay_service', 'admin_sessions', 'SELECT, INSERT, UPDATE, DELETE'),
  ('relay_service', 'admin_recovery_codes', 'SELECT, INSERT, UPDATE, DELETE'),
  ('relay_service', 'admin_setup_codes', 'SELECT, INSERT, DELETE'),
  -- Not what a code could be guessed from.
  ('relay_auditor', 'admin_recovery_codes', 'SELECT (user_id, used_at)'),
  ('relay_auditor', 'admin_setup_codes', 'SELECT (created_at, expires_at)');
UPDATE role_rights
SET rights = 'SELECT (id, username, role, active, created_at, created_by, password_changed_at, last_login_at, must_change_password, password_expires_at)'
WHERE role = 'relay_auditor' AND relation = 'admin_users';
