-- What a key may be restricted to; NULL: nothing restricts it. Addresses are text because the rule that compares them
-- is the relay's, also for IPv4 in IPv6's clothes.
ALTER TABLE api_keys
  ADD COLUMN dns text[] CHECK (cardinality(dns) > 0),
  ADD COLUMN addresses text[] CHECK (cardinality(addresses) > 0),
  ADD COLUMN max_connections integer CHECK (max_connections > 0),
  ADD COLUMN requests_per_second integer CHECK (requests_per_second > 0),
  -- The key that a rotation made in place of this one.
  ADD COLUMN replaced_by integer REFERENCES api_keys (id) ON DELETE SET NULL;

-- Tells every relay that what it knows of a key may be true no more, whoever changed the row. The last use and the
-- digest are written all the time and change nothing.
CREATE FUNCTION tell_api_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('api_keys', OLD.id::text);
  RETURN NULL;
END $$;

CREATE TRIGGER api_keys_change
AFTER DELETE OR UPDATE OF key_hash, permissions, active, expires_at, dns, addresses, max_connections, requests_per_second
ON api_keys FOR EACH ROW EXECUTE FUNCTION tell_api_key_change();
