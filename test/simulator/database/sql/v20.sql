-- 3CX V20 from update 6 on: column names, their order and types as in 3cx.md §3.2 and §3.3. No constraint of the real
-- tables is known; the primary keys are ours and let a row be written twice without being there twice.
DROP TABLE IF EXISTS cdr_output, operator_state_history;

CREATE TABLE IF NOT EXISTS cdroutput (
  cdr_id uuid PRIMARY KEY,
  call_history_id uuid,
  main_call_history_id uuid,
  base_cdr_id uuid,
  originating_cdr_id uuid,
  continued_in_cdr_id uuid,
  source_participant_id uuid,
  source_entity_type text,
  source_dn_number text,
  source_dn_type text,
  source_dn_name text,
  source_participant_name text,
  source_participant_phone_number text,
  source_participant_trunk_did text,
  source_participant_is_incoming boolean,
  source_participant_is_already_connected boolean,
  source_participant_group_name text,
  source_participant_billing_suffix text,
  destination_participant_id uuid,
  destination_entity_type text,
  destination_dn_number text,
  destination_dn_type text,
  destination_dn_name text,
  destination_participant_name text,
  destination_participant_phone_number text,
  destination_participant_trunk_did text,
  destination_participant_is_incoming boolean,
  destination_participant_is_already_connected boolean,
  destination_participant_group_name text,
  destination_participant_billing_suffix text,
  creation_method text,
  creation_forward_reason text,
  termination_reason text,
  termination_reason_details text,
  terminated_by_participant_id uuid,
  cdr_started_at timestamptz(6),
  cdr_answered_at timestamptz(6),
  cdr_ended_at timestamptz(6),
  processed boolean,
  migrated boolean,
  source_presentation text,
  offload_id bigint
);

CREATE TABLE IF NOT EXISTS cdrbilling (
  cdr_id uuid PRIMARY KEY,
  source_bill_code text,
  source_bill_rate_name text,
  source_bill_rate numeric,
  source_bill_duration interval,
  destination_bill_code text,
  destination_bill_rate_name text,
  destination_bill_rate numeric,
  destination_bill_duration interval,
  migrated boolean
);

CREATE TABLE IF NOT EXISTS cdrrecordings (
  cdr_id uuid PRIMARY KEY,
  cdr_participant_id uuid,
  recording_url text
);

CREATE INDEX IF NOT EXISTS cdroutput_started ON cdroutput (cdr_started_at);
CREATE INDEX IF NOT EXISTS cdroutput_call ON cdroutput (call_history_id);
