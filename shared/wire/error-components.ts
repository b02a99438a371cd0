/**
 * What an error may be told of, for whoever chooses among them. Writers take any word, and a reader shows any; a test
 * (errors/error-components.test.ts) finds those that are written and do not stand here.
 */
export const ERROR_COMPONENTS = [
  'api_keys',
  'audit',
  'callcontrol',
  'catch_up',
  'database',
  'event_loop',
  'ingest',
  'log',
  'persist',
  'postgres',
  'recovery',
  'redis',
  'relay',
  'spool',
  'upkeep',
  'websocket',
  'xapi',
] as const;
