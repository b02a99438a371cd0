-- One row per call, made from the entries of channel calls: the call as the newest entry about it says. Who took part
-- and the sums of every hour are made from these rows by triggers, so that they agree with them whoever writes a call.

CREATE TABLE calls (
  call_id text COLLATE "C" NOT NULL,
  -- When it was first seen. It stands in the call's id and never changes: whatever is learned of a call later finds its
  -- row in the same month.
  at timestamptz NOT NULL,
  conversation_id text COLLATE "C" NOT NULL,
  state text,
  -- What is not known is 'unknown', not NULL: both are columns of indexes that are read in order.
  direction text COLLATE "C" NOT NULL,
  disposition text COLLATE "C" NOT NULL,
  started_at timestamptz,
  ringing_at timestamptz,
  answered_at timestamptz,
  ended_at timestamptz,
  caller_number text,
  caller_name text,
  caller_dn text,
  callee_number text,
  callee_name text,
  callee_dn text,
  did text,
  via_dn text COLLATE "C",
  via_type text,
  answered_by text,
  dns text[] COLLATE "C" NOT NULL,
  number_keys text[] COLLATE "C" NOT NULL,
  ring_ms bigint,
  talk_ms bigint,
  epoch text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (call_id, at)
) PARTITION BY RANGE (at);
CREATE INDEX calls_list ON calls (direction, disposition, at, call_id);
CREATE TABLE calls_default PARTITION OF calls DEFAULT;

COMMENT ON COLUMN calls.dns IS 'every extension that took part, and the queue or ring group';
COMMENT ON COLUMN calls.number_keys IS 'digits of the numbers of caller, callee and DID, without + or 00 in front';
COMMENT ON COLUMN calls.ring_ms IS 'from the first ringing to the answer, or to the end of a call that nobody answered';
COMMENT ON COLUMN calls.talk_ms IS 'from the answer to the end';
COMMENT ON COLUMN calls.seq IS 'with epoch: position of the entry that the row is made from';

-- The calls of an extension, a number, a queue or ring group. Direction and disposition stand before the time, so that
-- any combination of them is a few ordered runs of one index.
CREATE TABLE call_parties (
  kind text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  direction text COLLATE "C" NOT NULL,
  disposition text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  call_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (kind, value, direction, disposition, at, call_id)
) PARTITION BY RANGE (at);
CREATE TABLE call_parties_default PARTITION OF call_parties DEFAULT;

COMMENT ON COLUMN call_parties.kind IS 'dn, number, queue (also a ring group)';

-- Calls that ended, in the hour and in the day (UTC) in which they were first seen. These rows outlive the calls: a
-- month of calls is dropped as a table, which fires no trigger. Days are there because a year of all extensions has a
-- million hours, and a hundred thousand days.
CREATE TABLE call_sums (
  -- 'hour' or 'day'
  by text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  -- The hour, or the first of the day.
  hour timestamptz NOT NULL,
  direction text COLLATE "C" NOT NULL,
  calls bigint NOT NULL,
  answered bigint NOT NULL,
  missed bigint NOT NULL,
  abandoned bigint NOT NULL,
  busy bigint NOT NULL,
  failed bigint NOT NULL,
  cancelled bigint NOT NULL,
  unknown bigint NOT NULL,
  ring_ms bigint NOT NULL,
  ring_count bigint NOT NULL,
  talk_ms bigint NOT NULL,
  talk_count bigint NOT NULL,
  PRIMARY KEY (by, kind, id, hour, direction)
) PARTITION BY LIST (by);
CREATE INDEX call_sums_kind_hour ON call_sums (kind, hour);
CREATE TABLE call_hours PARTITION OF call_sums FOR VALUES IN ('hour') WITH (fillfactor = 80);
CREATE TABLE call_days PARTITION OF call_sums FOR VALUES IN ('day') WITH (fillfactor = 80);

COMMENT ON COLUMN call_sums.kind IS 'all (id empty), dn, queue (also a ring group)';
COMMENT ON COLUMN call_sums.ring_count IS 'calls of which ring_ms is known';
COMMENT ON COLUMN call_sums.talk_count IS 'calls of which talk_ms is known';

CREATE FUNCTION call_parties_of(p_dns text[], p_number_keys text[], p_via_dn text)
RETURNS TABLE (kind text, value text) LANGUAGE sql IMMUTABLE AS $$
  SELECT 'dn', unnest(p_dns)
  UNION ALL SELECT 'number', unnest(p_number_keys)
  UNION ALL SELECT 'queue', p_via_dn WHERE p_via_dn IS NOT NULL
$$;

CREATE FUNCTION call_counts_for(p_dns text[], p_via_dn text)
RETURNS TABLE (kind text, id text) LANGUAGE sql IMMUTABLE AS $$
  SELECT 'all', ''
  UNION ALL SELECT 'dn', unnest(p_dns)
  UNION ALL SELECT 'queue', p_via_dn WHERE p_via_dn IS NOT NULL
$$;

-- Rows are looked up by their keys whatever the planner believes of tables that were empty when it looked: its plan
-- stays for the session. And they are written in the order of their keys, so that of two writers none waits for the
-- other in a circle.
CREATE FUNCTION follow_new_calls() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  INSERT INTO call_parties (kind, value, direction, disposition, at, call_id)
  SELECT kind, value, direction, disposition, at, call_id
  FROM new_calls, call_parties_of(dns, number_keys, via_dn)
  ON CONFLICT DO NOTHING;

  INSERT INTO call_sums AS was (by, kind, id, hour, direction, calls, answered, missed, abandoned, busy, failed, cancelled, unknown,
      ring_ms, ring_count, talk_ms, talk_count)
  SELECT by, kind, id, date_trunc(by, at, 'UTC') AS hour, direction,
      count(*) AS calls, count(*) FILTER (WHERE disposition = 'answered'),
      count(*) FILTER (WHERE disposition = 'missed'), count(*) FILTER (WHERE disposition = 'abandoned'),
      count(*) FILTER (WHERE disposition = 'busy'), count(*) FILTER (WHERE disposition = 'failed'),
      count(*) FILTER (WHERE disposition = 'cancelled'), count(*) FILTER (WHERE disposition = 'unknown'),
      coalesce(sum(ring_ms), 0), count(ring_ms), coalesce(sum(talk_ms), 0), count(talk_ms)
  FROM new_calls, call_counts_for(dns, via_dn), unnest(ARRAY['hour', 'day']) AS by
  WHERE state = 'ended'
  GROUP BY by, kind, id, 4, direction
  ORDER BY by, kind, id, 4, direction
  ON CONFLICT (by, kind, id, hour, direction) DO UPDATE SET
      calls = was.calls + EXCLUDED.calls, answered = was.answered + EXCLUDED.answered, missed = was.missed + EXCLUDED.missed,
      abandoned = was.abandoned + EXCLUDED.abandoned, busy = was.busy + EXCLUDED.busy, failed = was.failed + EXCLUDED.failed,
      cancelled = was.cancelled + EXCLUDED.cancelled, unknown = was.unknown + EXCLUDED.unknown, ring_ms = was.ring_ms + EXCLUDED.ring_ms,
      ring_count = was.ring_count + EXCLUDED.ring_count, talk_ms = was.talk_ms + EXCLUDED.talk_ms, talk_count = was.talk_count + EXCLUDED.talk_count;
  RETURN NULL;
END $$;

-- What the new rows stand for, less what the old ones stood for.
CREATE FUNCTION follow_changed_calls() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  DELETE FROM call_parties AS party
  USING (
    SELECT kind, value, direction, disposition, at, call_id
    FROM old_calls, call_parties_of(dns, number_keys, via_dn)
    EXCEPT
    SELECT kind, value, direction, disposition, at, call_id
    FROM new_calls, call_parties_of(dns, number_keys, via_dn)
  ) AS past
  WHERE party.kind = past.kind AND party.value = past.value AND party.direction = past.direction
    AND party.disposition = past.disposition AND party.at = past.at AND party.call_id = past.call_id;

  INSERT INTO call_parties (kind, value, direction, disposition, at, call_id)
  SELECT kind, value, direction, disposition, at, call_id
  FROM new_calls, call_parties_of(dns, number_keys, via_dn)
  EXCEPT
  SELECT kind, value, direction, disposition, at, call_id
  FROM old_calls, call_parties_of(dns, number_keys, via_dn)
  ON CONFLICT DO NOTHING;

  INSERT INTO call_sums AS was (by, kind, id, hour, direction, calls, answered, missed, abandoned, busy, failed, cancelled, unknown,
      ring_ms, ring_count, talk_ms, talk_count)
  SELECT *
  FROM (
    SELECT by, kind, id, date_trunc(by, at, 'UTC') AS hour, direction,
      sum(sign) AS calls,
      coalesce(sum(sign) FILTER (WHERE disposition = 'answered'), 0),
      coalesce(sum(sign) FILTER (WHERE disposition = 'missed'), 0),
      coalesce(sum(sign) FILTER (WHERE disposition = 'abandoned'), 0),
      coalesce(sum(sign) FILTER (WHERE disposition = 'busy'), 0),
      coalesce(sum(sign) FILTER (WHERE disposition = 'failed'), 0),
      coalesce(sum(sign) FILTER (WHERE disposition = 'cancelled'), 0),
      coalesce(sum(sign) FILTER (WHERE disposition = 'unknown'), 0),
      coalesce(sum(sign * ring_ms), 0), coalesce(sum(sign) FILTER (WHERE ring_ms IS NOT NULL), 0),
      coalesce(sum(sign * talk_ms), 0), coalesce(sum(sign) FILTER (WHERE talk_ms IS NOT NULL), 0)
    FROM (
      SELECT 1 AS sign, * FROM new_calls
      UNION ALL SELECT -1, * FROM old_calls
    ) AS changed, call_counts_for(dns, via_dn), unnest(ARRAY['hour', 'day']) AS by
    WHERE state = 'ended'
    GROUP BY by, kind, id, 4, direction
  ) AS change
  ORDER BY by, kind, id, hour, direction
  ON CONFLICT (by, kind, id, hour, direction) DO UPDATE SET
      calls = was.calls + EXCLUDED.calls, answered = was.answered + EXCLUDED.answered, missed = was.missed + EXCLUDED.missed,
      abandoned = was.abandoned + EXCLUDED.abandoned, busy = was.busy + EXCLUDED.busy, failed = was.failed + EXCLUDED.failed,
      cancelled = was.cancelled + EXCLUDED.cancelled, unknown = was.unknown + EXCLUDED.unknown, ring_ms = was.ring_ms + EXCLUDED.ring_ms,
      ring_count = was.ring_count + EXCLUDED.ring_count, talk_ms = was.talk_ms + EXCLUDED.talk_ms, talk_count = was.talk_count + EXCLUDED.talk_count;
  RETURN NULL;
END $$;

CREATE TRIGGER calls_new AFTER INSERT ON calls
REFERENCING NEW TABLE AS new_calls FOR EACH STATEMENT EXECUTE FUNCTION follow_new_calls();
CREATE TRIGGER calls_changed AFTER UPDATE ON calls
REFERENCING OLD TABLE AS old_calls NEW TABLE AS new_calls FOR EACH STATEMENT EXECUTE FUNCTION follow_changed_calls();

-- Keys of calls in order, behind one key and before another: one ordered run of an index for each combination of
-- direction and disposition, the first of all runs together. Never sorted, which the planner would do because it takes
-- a run for short: that of a main number is a million rows, of which a page needs a hundred. The bounds of the time
-- alone leave out months, which a comparison of rows does not.
CREATE FUNCTION list_calls(p_directions text[], p_dispositions text[], p_after timestamptz, p_after_id text,
  p_before timestamptz, p_before_id text, p_newest_first boolean, p_limit integer)
RETURNS TABLE (at timestamptz, call_id text) LANGUAGE plpgsql STABLE
SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
BEGIN
  IF p_newest_first THEN
    RETURN QUERY
    SELECT run.at, run.call_id
    FROM unnest(p_directions) AS d (direction), unnest(p_dispositions) AS e (disposition),
      LATERAL (
        SELECT call.at, call.call_id
        FROM calls AS call
        WHERE call.direction = d.direction AND call.disposition = e.disposition AND call.at BETWEEN p_after AND p_before
          AND (call.at, call.call_id) > (p_after, p_after_id) AND (call.at, call.call_id) < (p_before, p_before_id)
        ORDER BY call.at DESC, call.call_id DESC
        LIMIT p_limit
      ) AS run
    ORDER BY run.at DESC, run.call_id DESC
    LIMIT p_limit;
  ELSE
    RETURN QUERY
    SELECT run.at, run.call_id
    FROM unnest(p_directions) AS d (direction), unnest(p_dispositions) AS e (disposition),
      LATERAL (
        SELECT call.at, call.call_id
        FROM calls AS call
        WHERE call.direction = d.direction AND call.disposition = e.disposition AND call.at BETWEEN p_after AND p_before
          AND (call.at, call.call_id) > (p_after, p_after_id) AND (call.at, call.call_id) < (p_before, p_before_id)
        ORDER BY call.at, call.call_id
        LIMIT p_limit
      ) AS run
    ORDER BY run.at, run.call_id
    LIMIT p_limit;
  END IF;
END $$;

CREATE FUNCTION list_calls_of_parties(p_kind text, p_values text[], p_directions text[], p_dispositions text[], p_after timestamptz, p_after_id text,
  p_before timestamptz, p_before_id text, p_newest_first boolean, p_limit integer)
RETURNS TABLE (at timestamptz, call_id text) LANGUAGE plpgsql STABLE
SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
BEGIN
  IF p_newest_first THEN
    RETURN QUERY
    SELECT DISTINCT run.at, run.call_id
    FROM unnest(p_values) AS v (value), unnest(p_directions) AS d (direction), unnest(p_dispositions) AS e (disposition),
      LATERAL (
        SELECT party.at, party.call_id
        FROM call_parties AS party
        WHERE party.kind = p_kind AND party.value = v.value AND party.direction = d.direction
          AND party.disposition = e.disposition AND party.at BETWEEN p_after AND p_before
          AND (party.at, party.call_id) > (p_after, p_after_id) AND (party.at, party.call_id) < (p_before, p_before_id)
        ORDER BY party.at DESC, party.call_id DESC
        LIMIT p_limit
      ) AS run
    ORDER BY run.at DESC, run.call_id DESC
    LIMIT p_limit;
  ELSE
    RETURN QUERY
    SELECT DISTINCT run.at, run.call_id
    FROM unnest(p_values) AS v (value), unnest(p_directions) AS d (direction), unnest(p_dispositions) AS e (disposition),
      LATERAL (
        SELECT party.at, party.call_id
        FROM call_parties AS party
        WHERE party.kind = p_kind AND party.value = v.value AND party.direction = d.direction
          AND party.disposition = e.disposition AND party.at BETWEEN p_after AND p_before
          AND (party.at, party.call_id) > (p_after, p_after_id) AND (party.at, party.call_id) < (p_before, p_before_id)
        ORDER BY party.at, party.call_id
        LIMIT p_limit
      ) AS run
    ORDER BY run.at, run.call_id
    LIMIT p_limit;
  END IF;
END $$;

-- Calls whose entries an earlier release copied are made afterwards, step by step, while the relay works: ten million
-- entries take minutes. Up to here they have been; no row: there are none, or none any more.
CREATE TABLE past_calls (
  epoch text COLLATE "C" NOT NULL,
  seq bigint NOT NULL
);
INSERT INTO past_calls (epoch, seq) SELECT '', 0 FROM log_positions WHERE channel = 'calls' AND epoch IS NOT NULL;

SELECT create_month(parent, (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date)
FROM unnest(ARRAY['calls', 'call_parties']) AS parent, generate_series(0, 2) AS ahead;
