import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { JobResult } from '@3cx-relay/shared/jobs/catalogue.ts';
import type { CallRecordsRequest, RecordCursor, RecordPageRequest } from '@3cx-relay/shared/jobs/record-page.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createSemaphore, type Semaphore } from '@3cx-relay/shared/runtime/semaphore.ts';
import type { AgentStateRecord, CallRecord, RecordSource } from '@3cx-relay/shared/wire/records.ts';
import type { CdrSegment } from '../pbx/cdr.ts';
import { toSegment } from '../pbx/database/cdr-layouts.ts';
import type { Database3CX } from '../pbx/database/database-3cx.ts';
import type { DatabasePage, KeysetRow, RecordRange } from '../pbx/database/record-pages.ts';
import type { XapiReader } from '../pbx/xapi/record-windows.ts';
import type { XAPIClient } from '../pbx/xapi/xapi-client.ts';
import { toCallRecord } from './call-record.ts';

/**
 * Pages of the PBX's records for those who ask the relay for history: from its database, which knows most, and from XAPI
 * where there is none or it cannot say. The first page decides; the cursor keeps to it, because the two do not count
 * alike.
 */
export interface RecordPages {
  calls(request: CallRecordsRequest, signal: AbortSignal): Promise<JobResult<'call-records'>>;
  agentStates(request: RecordPageRequest): Promise<JobResult<'agent-states'>>;
}

export interface RecordPagesDeps {
  readonly database: Pick<Database3CX, 'isConfigured' | 'segments' | 'agentStates'>;
  /** Tells by itself what it did not answer. */
  readonly xapi: Pick<XAPIClient, 'historyReader' | 'segments'>;
  readonly errors?: ErrorSink;
}

/** The answer lies in Redis until it is read. */
const MAX_PAGE_BYTES = 1_048_576;
/** Of the two connections for readers one stays free for the records that complete calls. */
const DATABASE_READS = 1;
const XAPI_READS = 2;

interface Page<Record> {
  readonly records: Record[];
  readonly next: RecordCursor | null;
}

interface Told<Record> extends Page<Record> {
  readonly ok: true;
  readonly source: RecordSource;
}

interface Refusal {
  ok: false;
  code: string;
  message: string;
}

interface Asked {
  readonly request: CallRecordsRequest;
  readonly signal: AbortSignal;
}

export function createRecordPages({ database, xapi, errors }: RecordPagesDeps): RecordPages {
  const databaseTurn = createSemaphore(DATABASE_READS);
  const xapiTurn = createSemaphore(XAPI_READS);

  const told = async <Result>(reading: Promise<Result>): Promise<Result> => {
    try {
      return await reading;
    } catch (error) {
      if (!isExpected(error)) errors?.logError('database', 'error', unread(error), { error });
      throw error;
    }
  };

  const askDatabase = (request: RecordPageRequest): Promise<Told<CallRecord>> =>
    inTurn(databaseTurn, request, async () => {
      const page = toPage(await database.segments(toRange(request)), row =>
        toCallRecord('database', { ...row, segment: toSegment(row) }),
      );
      return { ok: true, source: 'database', ...page };
    });

  const askXapi = (reader: XapiReader | null, { request, signal }: Asked): Promise<Told<CallRecord>> =>
    inTurn(xapiTurn, request, async () => {
      const range = { ...request, matches: matcherOf(request) };
      const { rows, next } = await xapi.segments(reader ?? (await xapi.historyReader()), range, signal);
      return { ok: true, source: 'xapi', records: rows.map(row => toCallRecord('xapi', row)), next };
    });

  const readCdr = async (asked: Asked): Promise<Told<CallRecord>> => {
    const { request } = asked;
    const reader = request.cursor?.reader;
    if (reader === 'database') return told(askDatabase(request));
    if (reader !== undefined || !database.isConfigured) return askXapi('call-log', asked);
    try {
      return await askDatabase(request);
    } catch (error) {
      if (!(error instanceof OperatorError) || error.code === EXPIRED) throw error;
      const isNews = !isExpected(error);
      try {
        const page = await askXapi('call-log', asked);
        if (isNews) errors?.logError('database', 'warning', `${unread(error)}; they came from XAPI`, { error });
        return page;
      } catch (second) {
        if (isNews) errors?.logError('database', 'error', unread(error), { error });
        throw second instanceof OperatorError ? bothFailed(error, second) : second;
      }
    }
  };

  const readAgentStates = (request: RecordPageRequest): Promise<Told<AgentStateRecord>> =>
    inTurn(databaseTurn, request, async () => {
      const page = toPage(await database.agentStates(toRange(request)), toAgentState);
      return { ok: true, source: 'database', ...page };
    });

  return {
    calls(request, signal) {
      const reader = request.cursor?.reader;
      const known = reader === undefined || reader === 'database' ? null : reader;
      return orRefusal(request.kind === 'cdr' ? readCdr({ request, signal }) : askXapi(known, { request, signal }));
    },
    agentStates: request => orRefusal(told(readAgentStates(request))),
  };
}

const EXPIRED = 'EXPIRED';
/** A reader came too late, or this PBX has no such thing. */
const EXPECTED: ReadonlySet<string> = new Set([EXPIRED, 'PBX_DB_ABSENT', 'PBX_TABLE_ABSENT']);

function isExpected(error: unknown): boolean {
  return error instanceof OperatorError && EXPECTED.has(error.code);
}

function unread(error: unknown): string {
  return `records that were asked for could not be read from the PBX's database: ${messageOf(error)}`;
}

/** A database that is not there is no news: what XAPI says is. */
function bothFailed(ofDatabase: OperatorError, ofXapi: OperatorError): OperatorError {
  if (ofDatabase.code === 'PBX_DB_ABSENT' || ofDatabase.code === 'PBX_TABLE_ABSENT') return ofXapi;
  return new OperatorError(ofDatabase.code, `${ofDatabase.message}. XAPI has them neither: ${ofXapi.message}`);
}

/** Nobody waits any more for what could not begin in time. */
function inTurn<Result>(
  turn: Semaphore,
  { expiresAt }: RecordPageRequest,
  read: () => Promise<Result>,
): Promise<Result> {
  return turn(() => {
    if (Date.now() > expiresAt) throw new OperatorError(EXPIRED, 'the PBX was busy with other records for too long');
    return read();
  });
}

async function orRefusal<Result>(reading: Promise<Result>): Promise<Result | Refusal> {
  try {
    return await reading;
  } catch (error) {
    const code = error instanceof OperatorError ? error.code : 'PBX_FAILED';
    return { ok: false, code, message: messageOf(error) };
  }
}

function toRange({ cursor, ...request }: RecordPageRequest): RecordRange {
  return { ...request, after: cursor };
}

/** As many as fit, and at least one. */
function toPage<Row extends KeysetRow, Record>(
  { rows, more }: DatabasePage<Row>,
  toRecord: (row: Row) => Record,
): Page<Record> {
  const records: Record[] = [];
  let bytes = 0;
  for (const row of rows) {
    const record = toRecord(row);
    bytes += Buffer.byteLength(JSON.stringify(record));
    if (bytes > MAX_PAGE_BYTES && records.length > 0) break;
    records.push(record);
  }
  const last = rows[records.length - 1];
  const isLast = records.length === rows.length && !more;
  return { records, next: isLast || !last ? null : { reader: 'database', at: last.atUs, key: last.key } };
}

function toAgentState({ at, dn, state, queueDn }: { at: number } & Omit<AgentStateRecord, 'at' | 'source'>) {
  return { source: 'database' as const, at: new Date(at).toISOString(), dn, state, queueDn };
}

function matcherOf({ dns, numbers, scopeDns = null }: RecordPageRequest): (segment: CdrSegment) => boolean {
  const isAny = (wanted: readonly string[] | null, values: readonly (string | null)[]) =>
    wanted === null || values.some(value => value !== null && wanted.includes(value));
  return ({ source, destination }) =>
    isAny(dns, [source.dn, destination.dn]) &&
    isAny(scopeDns, [source.dn, destination.dn]) &&
    isAny(numbers, [source.number, destination.number, source.did, destination.did]);
}
