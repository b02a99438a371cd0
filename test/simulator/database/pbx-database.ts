import pg from 'pg';
import type { Clock } from '../pbx/clock.ts';
import { createDatabaseFaults, type DatabaseFaults } from './database-faults.ts';
import { databaseNames, loginUrl } from './database-names.ts';
import { removeIni, writeIni } from './ini-file.ts';
import type { Layout, LayoutName } from './layout.ts';
import { createSpecLayout } from './layout-spec.ts';
import { createV20Layout } from './layout-v20.ts';
import { dropPbxDatabase, type Person, provision, Refused } from './provision.ts';
import { RowWriter } from './row-writer.ts';
import type { BookedSegment } from './segment-log.ts';

export type PbxDatabaseOptions = {
  /** A role that may create databases and roles (or a superuser), connected to any database of the server. */
  adminUrl: string;
  /** `database_single` unless told. */
  name?: string;
  layout?: LayoutName;
  /** The root below which `3CXPhoneSystem.ini` is written where such a PBX keeps it; without it there is no file. */
  iniDir?: string;
  isDroppedAtStop?: boolean;
};

type DatabaseDeps = {
  clock: Clock;
  warn: (message: string) => void;
  people: readonly Person[];
  /** Rows of the table `parameter`. */
  parameters: Readonly<Record<string, string>>;
};

export type PbxDatabaseState = 'starting' | 'ready' | 'refused';

export type PbxDatabase = {
  /** Takes a segment; its rows follow when they are due. Never waits. */
  add(booked: BookedSegment): void;
  readonly faults: DatabaseFaults;
  describe(): Record<string, unknown>;
  /** Resolves when the tables are there, or when it is clear that they will not be. */
  readonly settled: Promise<PbxDatabaseState>;
  stop(): Promise<void>;
};

const RETRY_MS = 500;
const MAX_EARLY = 50_000;
const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 60_000;

/**
 * The PBX's own PostgreSQL database on a real server, with the roles, tables and ini file a reader finds on a 3CX.
 *
 * The ini file is there when this returns; the database is made in the background, because a PBX takes calls whether
 * its database is up or not. Rows that come before wait.
 */
export function createPbxDatabase(options: PbxDatabaseOptions, deps: DatabaseDeps): PbxDatabase {
  const { adminUrl, iniDir, name = 'database_single', layout: layoutName = 'v20' } = options;
  const { clock, warn } = deps;
  const names = databaseNames(name, adminUrl);
  const ini = iniDir === undefined ? null : writeIni({ root: iniDir, layout: layoutName, adminUrl, names });
  const pool = new pg.Pool({
    connectionString: loginUrl(adminUrl, names, names.owner),
    application_name: 'pbx',
    max: 2,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
  });
  // Sessions end when the database goes down; the next row opens a new one. Of one that is in use between two statements
  // nobody else would hear: the event would end the process.
  pool.on('connect', client => client.on('error', () => undefined));
  pool.on('error', () => undefined);

  let state: PbxDatabaseState = 'starting';
  let writer: RowWriter | null = null;
  let early: BookedSegment[] = [];
  let isStopping = false;
  const stopping = Promise.withResolvers<void>();
  const cdrTable = layoutName === 'spec' ? 'cdr_output' : 'cdroutput';
  const faults = createDatabaseFaults({ adminUrl, names, pool, cdrTable, clock });

  const prepare = async (): Promise<PbxDatabaseState> => {
    for (let failures = 0; !isStopping; failures++) {
      try {
        const request = { adminUrl, names, layout: layoutName, people: deps.people, parameters: deps.parameters };
        const lastIds = await provision(request);
        const layout: Layout = layoutName === 'spec' ? createSpecLayout(lastIds) : createV20Layout();
        writer = new RowWriter({ pool, layout, clock, warn });
        for (const booked of early) writer.add(booked);
        early = [];
        return 'ready';
      } catch (error) {
        if (error instanceof Refused) {
          warn(error.message);
          if (iniDir !== undefined) removeIni(iniDir, layoutName);
          early = [];
          return 'refused';
        }
        if (failures === 0) warn(`The PBX's database cannot be made yet: ${reasonOf(error)}. Trying again.`);
        await Promise.race([new Promise<void>(resolve => clock.after(RETRY_MS, resolve)), stopping.promise]);
      }
    }
    return 'refused';
  };
  const settled = prepare().then(outcome => {
    state = outcome;
    return outcome;
  });

  return {
    faults,
    settled,
    add(booked) {
      if (writer) writer.add(booked);
      else if (state === 'starting' && early.push(booked) > MAX_EARLY) early.shift();
    },
    describe: () => ({
      state,
      layout: layoutName,
      database: name,
      /** For a reader: the account that the ini file names. */
      readerUrl: loginUrl(adminUrl, names, names.reader),
      ini: state === 'refused' ? null : ini,
      rows: writer?.state ?? { waiting: early.length, written: 0, dropped: 0 },
    }),
    async stop() {
      if (isStopping) return;
      isStopping = true;
      stopping.resolve();
      await settled;
      writer?.stop();
      // Whoever comes next finds the database as it was; a server that has gone already takes the fault with it.
      await faults.clear().catch(() => undefined);
      await pool.end();
      if (options.isDroppedAtStop && state === 'ready') await dropPbxDatabase(adminUrl, names);
    },
  };
}

function reasonOf(error: unknown): string {
  // A refused connection to a host with two addresses is an AggregateError without a message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
