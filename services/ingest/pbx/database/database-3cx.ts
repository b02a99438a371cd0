import { createLogger, type Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { CdrCall, CdrSource } from '../cdr.ts';
import { type AgentStateRow, selectAgentStates } from './agent-states.ts';
import { addRow, type CdrRow, type OpenCall, selectCalls, toCall } from './cdr-layouts.ts';
import { readBatches, type Statement } from './database-cursor.ts';
import { failureOf, isConnectionLost, toDatabaseError } from './database-errors.ts';
import { accessOf, accessOfUrl, type DatabaseSession, openSession } from './database-session.ts';
import { findPbxInis, placesOf, readPbxInis } from './pbx-ini-file.ts';
import { AGENT_STATE_TABLES, CDR_TABLES, chooseTable, type PbxTable, probeTables } from './pbx-tables.ts';
import { type DatabasePage, type KeysetRow, type RecordRange, toPage } from './record-pages.ts';
import { type SegmentRow, selectSegments } from './segments.ts';

export interface Database3CXOptions {
  /** `PBX_DB_URL`: wins over every file. */
  readonly databaseUrl?: string;
  /** `PBX_INI`: wins over the usual places. */
  readonly iniPath?: string;
  /** Put before the usual places. */
  readonly root?: string;
  readonly connectTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
  /** Segments of one call that are kept. */
  readonly maxSegments?: number;
  readonly logger?: Logger;
  readonly now?: () => number;
}

/** `absent`: neither a file nor an address, as on a host that is not the PBX. `idle`: not tried yet. */
export type DatabaseState = 'absent' | 'idle' | 'connected' | 'down';

export interface DatabaseSource {
  /** The path of the PBX's ini file, or `PBX_DB_URL`. */
  readonly origin: string;
  /** Which account is used, where, and in which section of the file it stands. */
  readonly login: string;
  /** The table of call records, by which the layouts of 3CX's versions are told apart; null: it has none that we know. */
  readonly records: string | null;
}

const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const MAX_SEGMENTS = 5_000;
/** One statement reads no more: it sorts what it reads, and its transaction should not last. */
const WINDOW_MS = 86_400_000;
/** Logins that were refused are not tried again at every question: the PBX's log would fill, and accounts lock. */
const REFUSAL_REMEMBERED_MS = 15_000;
const FAILURE_REMEMBERED_MS = 1_000;
const STOP_MS = 1_500;

/**
 * The PBX's own PostgreSQL database, only ever read.
 *
 * Nothing is opened before it is needed, and what broke is opened again by the next question, from the settings as they
 * are then. Methods throw OperatorError: PBX_DB_ABSENT, PBX_INI_MISSING, PBX_INI_UNREADABLE, PBX_INI_UNKNOWN,
 * PBX_DB_UNREACHABLE, PBX_DB_CREDENTIALS_REFUSED, PBX_DB_MISSING, PBX_DB_RIGHTS_MISSING, PBX_TABLE_ABSENT,
 * PBX_DB_TIMEOUT, PBX_DB_BUSY, PBX_DB_FAILED.
 */
export class Database3CX implements CdrSource {
  readonly #options: Database3CXOptions;
  readonly #logger: Logger;
  readonly #now: () => number;
  #session: DatabaseSession | null = null;
  #source: DatabaseSource | null = null;
  #opening: Promise<DatabaseSession> | null = null;
  #failure: { error: OperatorError; until: number } | null = null;
  #isStopped = false;

  constructor(options: Database3CXOptions = {}) {
    this.#options = options;
    this.#logger = options.logger ?? createLogger({ name: 'database', level: 'silent' });
    this.#now = options.now ?? Date.now;
  }

  /** False where the PBX's database is not on this host: nothing is wrong then. */
  get isConfigured(): boolean {
    return this.#options.databaseUrl !== undefined || findPbxInis(this.#options).length > 0;
  }

  get state(): DatabaseState {
    if (this.#session) return 'connected';
    if (!this.isConfigured) return 'absent';
    return this.#failure ? 'down' : 'idle';
  }

  /** Why there is no connection, as a sentence; null while there is one, and before the first try. */
  get error(): string | null {
    return this.#failure?.error.message ?? null;
  }

  /** What the connection came from and leads to; null without one. */
  get source(): DatabaseSource | null {
    return this.#session && this.#source;
  }

  /** Gives up what connections there are, reads the settings again and connects. */
  async connect(): Promise<void> {
    // One that is under way goes by the settings of before.
    await this.#opening?.catch(() => undefined);
    this.#failure = null;
    this.#drop();
    await this.#ready();
  }

  /** `SELECT 1`, on a connection that readers cannot take. */
  async check(): Promise<{ latencyMs: number }> {
    const startedAt = performance.now();
    await this.#ask(session => session.checks.query('SELECT 1'));
    return { latencyMs: Math.round(performance.now() - startedAt) };
  }

  /** Calls of which a segment started in the span, whole, in order of their first segment in it. */
  async *queryCDR(start: Date, end: Date): AsyncGenerator<CdrCall, void, undefined> {
    const toMs = end.getTime() + 1;
    const table = await this.#table(CDR_TABLES);
    const maxSegments = this.#options.maxSegments ?? MAX_SEGMENTS;
    for (let fromMs = start.getTime(); fromMs < toMs; fromMs += WINDOW_MS) {
      const window = { spanFromMs: start.getTime(), fromMs, toMs: Math.min(fromMs + WINDOW_MS, toMs) };
      let open: OpenCall | null = null;
      for await (const row of this.#rows<CdrRow>(table, selectCalls(table, window))) {
        const added: { open: OpenCall; done: CdrCall | null } = addRow(open, row, maxSegments);
        open = added.open;
        if (added.done) yield added.done;
      }
      if (open) yield toCall(open);
    }
  }

  /** One page of single segments in order of their start, each once. */
  async segments(range: RecordRange): Promise<DatabasePage<SegmentRow>> {
    const table = await this.#table(CDR_TABLES);
    return this.#page(table, selectSegments(table, range), range);
  }

  /** One page of changes of agents' states, the earliest first. @throws OperatorError PBX_TABLE_ABSENT on every V20 known. */
  async agentStates(range: RecordRange): Promise<DatabasePage<AgentStateRow>> {
    const table = await this.#table(AGENT_STATE_TABLES);
    return this.#page(table, selectAgentStates(table, range), range);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const session = this.#session;
    this.#session = null;
    if (session) await Promise.race([session.close(), sleep(STOP_MS)]);
  }

  async *#rows<Row extends object>(table: PbxTable, statement: Statement | null): AsyncGenerator<Row, void, undefined> {
    if (!statement) throw withoutTime(table);
    const session = await this.#ready();
    try {
      for await (const batch of readBatches<Row>(session.readers, statement)) yield* batch;
    } catch (error) {
      throw this.#failed(error, session);
    }
  }

  async #page<Row extends KeysetRow>(
    table: PbxTable,
    statement: Statement | null,
    range: RecordRange,
  ): Promise<DatabasePage<Row>> {
    if (!statement) throw withoutTime(table);
    const { rows } = await this.#ask(({ readers }) => readers.query<Row>(statement.text, [...statement.values]));
    return toPage(rows, range.limit);
  }

  /** Probed anew while it is missing: a PBX that is being installed or updated gets it later. */
  async #table(names: readonly string[]): Promise<PbxTable> {
    const session = await this.#ready();
    let table = chooseTable(session.tables, names);
    if (!table?.isReadable) {
      session.tables = await this.#ask(({ checks }) => probeTables(checks));
      table = chooseTable(session.tables, names);
    }
    if (!table) {
      throw new OperatorError('PBX_TABLE_ABSENT', `not on this PBX: its database has no table ${names.join(' or ')}`);
    }
    if (table.isReadable) return table;
    throw new OperatorError(
      'PBX_DB_RIGHTS_MISSING',
      `${session.name} may not read the table ${table.name}: grant SELECT on it, or set PBX_DB_URL to an account that may`,
    );
  }

  async #ask<Result>(question: (session: DatabaseSession) => Promise<Result>): Promise<Result> {
    const session = await this.#ready();
    try {
      return await question(session);
    } catch (error) {
      throw this.#failed(error, session);
    }
  }

  #failed(error: unknown, session: DatabaseSession): OperatorError {
    const told = toDatabaseError(error);
    if (isConnectionLost(failureOf(error)) && this.#session === session) {
      this.#logger.warn(told.message);
      this.#failure = { error: told, until: this.#now() };
      this.#drop();
    }
    return told;
  }

  #drop(): void {
    const session = this.#session;
    this.#session = null;
    void session?.close();
  }

  async #ready(): Promise<DatabaseSession> {
    if (this.#isStopped) throw closed();
    if (this.#session) return this.#session;
    if (this.#failure && this.#now() < this.#failure.until) throw this.#failure.error;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #open(): Promise<DatabaseSession> {
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS, statementTimeoutMs = STATEMENT_TIMEOUT_MS } = this.#options;
    try {
      const { origin, accesses } = this.#accesses();
      const session = await openSession(accesses, origin, { connectTimeoutMs, statementTimeoutMs });
      if (this.#isStopped) {
        void session.close();
        throw closed();
      }
      this.#session = session;
      this.#failure = null;
      this.#source = {
        ...{ origin, login: session.name },
        records: chooseTable(session.tables, CDR_TABLES)?.name ?? null,
      };
      this.#logger.info({ ...this.#source }, 'PBX database connected, read-only');
      return session;
    } catch (error) {
      const told = toDatabaseError(error);
      const isNews = told.message !== this.#failure?.error.message;
      const isRefusal = told.code === 'PBX_DB_CREDENTIALS_REFUSED';
      this.#failure = { error: told, until: this.#now() + (isRefusal ? REFUSAL_REMEMBERED_MS : FAILURE_REMEMBERED_MS) };
      if (isNews && told.code !== 'PBX_DB_ABSENT') this.#logger.warn(messageOf(told));
      throw told;
    }
  }

  /** The settings in the order in which they win. */
  #accesses() {
    const { databaseUrl, root } = this.#options;
    if (databaseUrl !== undefined) return { origin: 'PBX_DB_URL', accesses: [accessOfUrl(databaseUrl)] };
    const paths = findPbxInis(this.#options);
    if (paths.length === 0) {
      throw new OperatorError(
        'PBX_DB_ABSENT',
        `there is no PBX database on this host: looked for ${placesOf(root).join(' and ')}; set PBX_INI or PBX_DB_URL where it is elsewhere`,
      );
    }
    const { path, logins } = readPbxInis(paths);
    return { origin: path, accesses: logins.map(accessOf) };
  }
}

function withoutTime({ name, columns }: PbxTable): OperatorError {
  return new OperatorError(
    'PBX_TABLE_ABSENT',
    `the table ${name} of the PBX has no column for the time that the relay knows: it has ${columns.join(', ')}`,
  );
}

function closed(): OperatorError {
  return new OperatorError('PBX_DB_ABSENT', 'the connection to the PBX database was closed');
}
