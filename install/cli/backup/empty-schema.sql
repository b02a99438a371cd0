-- Removes what the relay made in its schema, and nothing of an extension: the schema itself may belong to somebody else.
SET client_min_messages = warning;
DO $$
DECLARE
  v_statement text;
BEGIN
  FOR v_statement IN
    SELECT format('DROP %s IF EXISTS %I.%I CASCADE',
      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
      'public', relname)
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT relispartition
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
    -- A sequence goes with the column that it belongs to.
    ORDER BY relkind = 'S'
  LOOP
    EXECUTE v_statement;
  END LOOP;
  FOR v_statement IN
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure)
    FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
  LOOP
    EXECUTE v_statement;
  END LOOP;
END $$;
