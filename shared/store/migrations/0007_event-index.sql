-- What stands in the persisted log under which value: dn and event are lists in an entry, which no ordinary index finds,
-- a row for each value of each entry would triple the writes, and GIN knows no order. So the log is cut into segments of
-- consecutive rows of one channel, epoch and UTC month, and each value has one row for each segment that has it.
CREATE TABLE event_index (
  channel text NOT NULL,
  -- dn, event, number, key or component; "segment" is the one row that stands for all entries of a segment.
  kind text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  -- Earliest and latest time in the segment. The latest says when it goes: never before one of its entries.
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL,
  -- Distances from first_seq, growing; NULL: all.
  seqs smallint[],
  PRIMARY KEY (channel, kind, value, epoch, first_seq, to_at)
) PARTITION BY LIST (channel);

CREATE TABLE event_index_calls PARTITION OF event_index FOR VALUES IN ('calls') PARTITION BY RANGE (to_at);
CREATE TABLE event_index_health PARTITION OF event_index FOR VALUES IN ('health') PARTITION BY RANGE (to_at);
CREATE TABLE event_index_errors PARTITION OF event_index FOR VALUES IN ('errors') PARTITION BY RANGE (to_at);
CREATE TABLE event_index_audit PARTITION OF event_index FOR VALUES IN ('audit') PARTITION BY RANGE (to_at);
CREATE TABLE event_index_requests PARTITION OF event_index FOR VALUES IN ('requests') PARTITION BY RANGE (to_at);

CREATE TABLE event_index_calls_default PARTITION OF event_index_calls DEFAULT;
CREATE TABLE event_index_health_default PARTITION OF event_index_health DEFAULT;
CREATE TABLE event_index_errors_default PARTITION OF event_index_errors DEFAULT;
CREATE TABLE event_index_audit_default PARTITION OF event_index_audit DEFAULT;
CREATE TABLE event_index_requests_default PARTITION OF event_index_requests DEFAULT;

-- Up to where each channel is indexed; an epoch of NULL: nothing yet. Locked by who indexes, as log_positions is by who
-- copies.
CREATE TABLE event_index_positions (
  channel text PRIMARY KEY,
  epoch text,
  seq bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO event_index_positions (channel) SELECT channel FROM log_positions;

-- They found the first extension of a list alone, and times only where rows lie in their order.
DROP INDEX events_dn;
DROP INDEX events_at;

SELECT create_month('event_index_' || channel,
  (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date)
FROM log_positions, generate_series(0, 2) AS ahead;
