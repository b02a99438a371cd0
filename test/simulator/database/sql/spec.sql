-- The database that the product specification describes; its columns beyond the names of the tables are ours.
DROP TABLE IF EXISTS cdroutput, cdrbilling, cdrrecordings;

CREATE TABLE IF NOT EXISTS cdr_output (
  id bigserial PRIMARY KEY,
  call_history_id text,
  start_time timestamptz,
  answer_time timestamptz,
  end_time timestamptz,
  source_dn text,
  source_number text,
  source_name text,
  destination_dn text,
  destination_number text,
  destination_name text,
  did text,
  direction text,
  result text
);

CREATE TABLE IF NOT EXISTS operator_state_history (
  id bigserial PRIMARY KEY,
  operator_dn text,
  state text,
  queue_dn text,
  changed_at timestamptz
);

CREATE INDEX IF NOT EXISTS cdr_output_start ON cdr_output (start_time);
CREATE INDEX IF NOT EXISTS operator_state_history_changed ON operator_state_history (changed_at);
