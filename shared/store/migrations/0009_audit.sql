-- The audit as a chain: each entry of channel audit once, numbered without a hole, each bound to the one before by a hash
-- (shared/audit/audit-hash.ts). Whoever changes, removes or inserts a row breaks it from there on, and "npm run
-- audit:verify" names the row.
CREATE TABLE audit_log (
  seq bigint PRIMARY KEY CHECK (seq > 0),
  -- Position in channel audit.
  epoch text COLLATE "C" NOT NULL,
  log_seq bigint NOT NULL,
  at timestamptz NOT NULL,
  action text NOT NULL,
  actor_kind text,
  actor_id text,
  actor_name text,
  address text,
  target text,
  outcome text,
  -- JSON as text: json would refuse what JSON allows (thousands of nested arrays), and the chain takes every entry.
  details text NOT NULL,
  salt bytea NOT NULL CHECK (length(salt) = 16),
  content_digest bytea NOT NULL CHECK (length(content_digest) = 32),
  -- Unique: the chain cannot fork, whatever writes at the same time.
  prev_hash bytea NOT NULL UNIQUE CHECK (length(prev_hash) = 32),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  UNIQUE (epoch, log_seq)
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_action ON audit_log (action, seq);
COMMENT ON COLUMN audit_log.content_digest IS 'of the content as it was first written, also after a redaction';

-- What retention took from the beginning of the chain; the chain goes on behind the last one. The first seal is empty and
-- says which entries were copied before there was a chain.
CREATE TABLE audit_seals (
  last_seq bigint PRIMARY KEY,
  first_seq bigint NOT NULL CHECK (first_seq <= last_seq + 1),
  last_hash bytea NOT NULL CHECK (length(last_hash) = 32),
  last_epoch text COLLATE "C",
  last_log_seq bigint NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO audit_seals (last_seq, first_seq, last_hash, last_epoch, last_log_seq)
SELECT 0, 1, decode(repeat('00', 32), 'hex'), epoch, seq FROM log_positions WHERE channel = 'audit';

-- Against accidents and against every role but the owner, who could drop the trigger: what the owner does is found by
-- the hashes and by the anchors outside the database. Sealing and redaction are let through.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_change text := coalesce(current_setting('relay.audit_change', true), '');
BEGIN
  IF TG_TABLE_NAME = 'audit_log' AND TG_OP = 'DELETE' AND v_change = 'seal' THEN
    RETURN OLD;
  END IF;
  IF TG_TABLE_NAME = 'audit_log' AND TG_OP = 'UPDATE' AND v_change = 'redact' THEN
    IF (NEW.seq, NEW.epoch, NEW.log_seq, NEW.at, NEW.action, NEW.content_digest, NEW.prev_hash, NEW.hash)
      = (OLD.seq, OLD.epoch, OLD.log_seq, OLD.at, OLD.action, OLD.content_digest, OLD.prev_hash, OLD.hash) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON audit_seals
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON audit_seals
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Replaces the content of an entry by what a later entry audit.redact says; false while the chain has no such entry.
-- Entries that attest something themselves stay as they are.
CREATE FUNCTION redact_audit_content(p_seq bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  v_said json;
  v_new json;
  v_count bigint;
BEGIN
  SELECT details::json INTO v_said
  FROM audit_log
  WHERE action = 'audit.redact' AND seq > p_seq AND details::json ->> 'seq' = p_seq::text
  ORDER BY seq DESC
  LIMIT 1;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  v_new := v_said -> 'content';
  PERFORM set_config('relay.audit_change', 'redact', true);
  UPDATE audit_log
  SET actor_kind = v_new ->> 'actorKind', actor_id = v_new ->> 'actorId', actor_name = v_new ->> 'actorName',
    address = v_new ->> 'address', target = v_new ->> 'target', outcome = v_new ->> 'outcome',
    details = v_new ->> 'details', salt = decode(v_said ->> 'salt', 'hex')
  WHERE seq = p_seq AND action = v_new ->> 'action' AND action NOT IN ('audit.redact', 'audit.seal');
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM set_config('relay.audit_change', '', true);
  IF v_count = 0 THEN
    RAISE EXCEPTION 'audit entry % cannot be redacted', p_seq;
  END IF;
  RETURN true;
END $$;

-- Removes the chain up to an entry that a later entry audit.seal names with its hash; returns how many went.
CREATE FUNCTION seal_audit(p_last_seq bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  v_first bigint;
  v_end audit_log;
  v_count bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit chain', 0));
  SELECT last_seq + 1 INTO v_first FROM audit_seals ORDER BY last_seq DESC LIMIT 1;
  SELECT * INTO v_end FROM audit_log WHERE seq = p_last_seq;
  IF NOT FOUND OR NOT EXISTS (
    SELECT FROM audit_log
    WHERE action = 'audit.seal' AND seq > p_last_seq AND details::json ->> 'lastSeq' = p_last_seq::text
      AND details::json ->> 'lastHash' = encode(v_end.hash, 'hex')
  ) THEN
    RAISE EXCEPTION 'no audit entry says that the chain is sealed up to %', p_last_seq;
  END IF;
  INSERT INTO audit_seals (last_seq, first_seq, last_hash, last_epoch, last_log_seq)
  VALUES (p_last_seq, v_first, v_end.hash, v_end.epoch, v_end.log_seq);
  PERFORM set_config('relay.audit_change', 'seal', true);
  DELETE FROM audit_log WHERE seq <= p_last_seq;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM set_config('relay.audit_change', '', true);
  RETURN v_count;
END $$;

-- Two group roles, which a login role is made a member of: relay_service for relay and ingest, relay_auditor for whoever
-- only looks. Each may read every table, unless a row here says what it may do instead. A later migration adds rows
-- for its own tables. The worker makes and drops months, so that it signs in as the owner; what even he may not change
-- by accident is guarded by triggers.
CREATE TABLE role_rights (
  role text NOT NULL,
  relation text NOT NULL,
  rights text NOT NULL,
  PRIMARY KEY (role, relation)
);
INSERT INTO role_rights (role, relation, rights) VALUES
  ('relay_service', 'api_keys', 'SELECT, INSERT, UPDATE'),
  ('relay_service', 'admin_users', 'SELECT, INSERT, UPDATE'),
  -- Not what a password or a key could be guessed from.
  ('relay_auditor', 'admin_users', 'SELECT (id, username, role, active, created_at, created_by, password_changed_at, last_login_at)'),
  ('relay_auditor', 'api_keys', 'SELECT (id, client_name, key_prefix, permissions, active, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by, dns, addresses, max_connections, requests_per_second, replaced_by)');

-- Run at the end of every migration, so that it knows the tables of all. Roles belong to the cluster: they may be there
-- from another database, another database may be making them just now, and this role may not be allowed to. Months need
-- no rights of their own, because everybody goes through the table they belong to.
CREATE FUNCTION grant_roles() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_role text;
  v_relation record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('roles', 0));
  FOREACH v_role IN ARRAY ARRAY['relay_service', 'relay_auditor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
      EXCEPTION
        WHEN duplicate_object OR unique_violation THEN
          NULL;
        WHEN insufficient_privilege THEN
          RAISE NOTICE 'the role % is not there and cannot be made by %: without it, every process needs a role with all rights',
            v_role, current_user;
          CONTINUE;
      END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), v_role);
    FOR v_relation IN
      SELECT relname AS name, coalesce(rights, 'SELECT') AS rights
      FROM pg_class
      LEFT JOIN role_rights ON role = v_role AND relation = relname
      WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
    LOOP
      EXECUTE format('GRANT %s ON %I TO %I', v_relation.rights, v_relation.name, v_role);
    END LOOP;
  END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION redact_audit_content(bigint), seal_audit(bigint), grant_roles() FROM PUBLIC;
-- With the rights of their owner they must not be led to tables of somebody else's making.
DO $$BEGIN
  EXECUTE format('ALTER FUNCTION redact_audit_content(bigint) SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION seal_audit(bigint) SET search_path = %I, pg_temp', current_schema());
END$$;
