-- The months of any table that is partitioned by time, not of events alone: what is made from events lives in months of
-- its own and goes with them.

-- Creates one month (UTC) of a table and moves what waited for it in the default partition; false: it was there.
-- ATTACH instead of CREATE … PARTITION OF: the latter locks out every reader of the table while it works. It still needs
-- the default partition for itself, and whoever reads next queues behind it: hence the short lock_timeout.
CREATE FUNCTION create_month(p_parent text, p_month date) RETURNS boolean LANGUAGE plpgsql
SET lock_timeout = '2s' AS $$
DECLARE
  v_name text := p_parent || to_char(p_month, '_YYYY_MM');
  v_from timestamptz := date_trunc('month', p_month::timestamp) AT TIME ZONE 'UTC';
  v_until timestamptz := (date_trunc('month', p_month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
  v_time text;
BEGIN
  IF EXISTS (SELECT FROM pg_class WHERE relname = v_name AND relnamespace = current_schema()::regnamespace) THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('months', 0));
  -- Again, because another worker may have created it meanwhile. to_regclass would answer from a cache that waiting
  -- for this lock does not refresh.
  IF EXISTS (SELECT FROM pg_class WHERE relname = v_name AND relnamespace = current_schema()::regnamespace) THEN
    RETURN false;
  END IF;
  SELECT attname INTO STRICT v_time
  FROM pg_partitioned_table
  JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
  WHERE partrelid = p_parent::regclass;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name, p_parent);
  EXECUTE format(
    'WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
    p_parent || '_default', v_time, v_from, v_time, v_until, v_name);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p_parent, v_name, v_from, v_until);
  RETURN true;
END $$;

-- Drops every month that ended before p_before, and what is older than it in the default partition.
CREATE FUNCTION drop_months(p_parent text, p_before timestamptz) RETURNS text[] LANGUAGE plpgsql
SET lock_timeout = '2s' AS $$
DECLARE
  v_name text;
  v_time text;
  v_dropped text[] := '{}';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('months', 0));
  FOR v_name IN
    SELECT child.relname
    FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid
    WHERE inhparent = p_parent::regclass
      AND child.relname ~ '_\d{4}_\d{2}$'
      AND (to_date(right(child.relname, 7), 'YYYY_MM')::timestamp + interval '1 month') AT TIME ZONE 'UTC' <= p_before
    ORDER BY child.relname
  LOOP
    EXECUTE format('DROP TABLE %I', v_name);
    v_dropped := v_dropped || v_name;
  END LOOP;
  SELECT attname INTO STRICT v_time
  FROM pg_partitioned_table
  JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
  WHERE partrelid = p_parent::regclass;
  EXECUTE format('DELETE FROM %I WHERE %I < %L', p_parent || '_default', v_time, p_before);
  RETURN v_dropped;
END $$;

DROP FUNCTION create_events_month(text, date);
DROP FUNCTION drop_events_months(text, timestamptz);
