import type pg from 'pg';
import type { CALL_STATES, DIRECTIONS, DISPOSITIONS } from '../wire/call.ts';
import { loadSql } from './sql.ts';

const LOCK = loadSql('lock-calls');
const UPSERT = loadSql('upsert-calls');

/** A call as the entry at (`epoch`, `seq`) left it. Times are ISO 8601; null is what nobody knows. */
export interface CallRow {
  readonly callId: string;
  /** Of the first sight, which `callId` begins with. */
  readonly at: string;
  readonly conversationId: string;
  readonly state: (typeof CALL_STATES)[number] | null;
  readonly direction: (typeof DIRECTIONS)[number] | null;
  readonly disposition: (typeof DISPOSITIONS)[number] | null;
  readonly startedAt: string | null;
  readonly ringingAt: string | null;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly callerNumber: string | null;
  readonly callerName: string | null;
  readonly callerDn: string | null;
  readonly calleeNumber: string | null;
  readonly calleeName: string | null;
  readonly calleeDn: string | null;
  readonly did: string | null;
  readonly viaDn: string | null;
  readonly viaType: 'queue' | 'ring_group' | null;
  readonly answeredBy: string | null;
  readonly dns: readonly string[];
  readonly numberKeys: readonly string[];
  readonly ringMs: number | null;
  readonly talkMs: number | null;
  readonly epoch: string;
  readonly seq: number;
}

/**
 * Waits for the other writer of calls: two would each hold sums that the other needs next. The persister copies while
 * calls of earlier releases are still being made.
 */
export async function lockCalls(client: pg.ClientBase): Promise<void> {
  await client.query(LOCK);
}

/** Each call at most once; one that the table has from a newer entry stays as it is. */
export async function upsertCalls(client: pg.ClientBase, calls: readonly CallRow[]): Promise<void> {
  await client.query(UPSERT, [JSON.stringify(calls)]);
}
