import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readBatches } from './database-cursor.ts';
import {
  CDROUTPUT,
  chain,
  createDatabaseStand,
  type DatabaseStand,
  failureOf,
  HOUR,
  readCalls,
  T0,
} from './database-stand.ts';
import type { RecordRange } from './record-pages.ts';
import { type SegmentRow, selectSegments } from './segments.ts';

/** Stands between us and the server, and stops passing anything on when told to. */
async function createFreezer(databaseUrl: string): Promise<{ url: string; freeze(): void; stop(): void }> {
  const url = new URL(databaseUrl);
  const [port, host] = [Number(url.port), url.hostname];
  const sockets: Socket[] = [];
  const proxy = createServer(socket => {
    const behind = connect(port, host);
    sockets.push(socket, behind);
    for (const each of [socket, behind]) each.on('error', () => undefined);
    socket.pipe(behind).pipe(socket);
  });
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
  url.hostname = '127.0.0.1';
  url.port = String((proxy.address() as AddressInfo).port);
  return {
    url: url.href,
    freeze: () => sockets.forEach(socket => void socket.unpipe().pause()),
    stop() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

const spanOf = (fromMs: number, toMs: number): RecordRange => ({
  ...{ fromMs, toMs, dns: null, numbers: null },
  limit: 100,
  after: null,
});

let stand: DatabaseStand;
beforeEach(async () => {
  stand = await createDatabaseStand();
});
afterEach(() => stand.stop());

describe('the records of V20', () => {
  beforeEach(() => stand.execute(CDROUTPUT));

  test('come as whole calls, the earliest first, each once over the edges of days', async () => {
    await stand.execute(
      chain(1, T0 - 5_000, 10),
      chain(2, T0 + 23 * HOUR + 3_599_000, 3),
      chain(3, T0 + 1_000, 1),
      chain(4, T0 - 60_000, 5),
      chain(5, T0 + 30 * HOUR, 1),
    );
    const calls = await readCalls(stand.open(), T0, T0 + 30 * HOUR);
    expect(calls.map(call => [Number(call.callHistoryId.slice(-4)), call.segments.length])).toEqual([
      [1, 10],
      [3, 1],
      [2, 3],
      [5, 1],
    ]);
    expect(calls[1]).toEqual({
      callHistoryId: '00000000-0000-0000-0000-000000000003',
      mainCallHistoryId: '00000000-0000-0000-0000-000000000003',
      isTruncated: false,
      segments: [
        {
          cdrId: '00000000-0000-0000-0000-000000000000',
          ...{ startedAt: T0 + 1_000, answeredAt: null, endedAt: T0 + 2_000 },
          source: { entityType: 'external_line', dn: '10000', name: 'Trunk', number: '+4930', did: '+4989' },
          destination: { entityType: 'extension', dn: '101', name: 'Ada', number: null, did: null },
          ...{ creationMethod: 'route_to', creationForwardReason: 'polling' },
          ...{ terminationReason: 'cancelled', terminationReasonDetails: 'completed_elsewhere' },
        },
      ],
    });
  });

  test('may be a thousand for one call, and are cut where told', async () => {
    await stand.execute(chain(1, T0, 1_040));
    expect(await readCalls(stand.open())).toMatchObject([{ segments: { length: 1_040 }, isTruncated: false }]);
    expect(await readCalls(stand.open({ databaseUrl: stand.url, maxSegments: 1_000 }))).toMatchObject([
      { segments: { length: 1_000 }, isTruncated: true },
    ]);
  });

  test('are fetched as they are taken, and a reader that leaves gives its connection back', async () => {
    await stand.execute(`INSERT INTO cdroutput (cdr_id, call_history_id, cdr_started_at)
      SELECT gen_random_uuid(), gen_random_uuid(), to_timestamp(${T0 / 1_000} + n / 100.0) FROM generate_series(1, 20000) AS n`);
    const database = stand.open();
    for (let i = 0; i < 5; i += 1) {
      let taken = 0;
      for await (const _ of database.queryCDR(new Date(T0), new Date(T0 + HOUR))) {
        taken += 1;
        if (taken < 3) continue;
        const { rows } = await stand.admin.query(
          `SELECT state, query FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in%'`,
          [stand.name],
        );
        expect(rows).toEqual([{ state: 'idle in transaction', query: 'FETCH FORWARD 500 FROM relay_rows' }]);
        break;
      }
    }
    const { rows } = await stand.admin.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in%'`,
      [stand.name],
    );
    expect(rows).toEqual([]);
    expect(await readCalls(database)).toHaveLength(20_000);
  });

  test('can be read but not changed, whatever the account may do', async () => {
    await stand.execute(
      'DROP TABLE cdroutput',
      `CREATE FUNCTION spoil() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
        BEGIN CREATE TABLE spoiled (id int); RETURN now(); END $$`,
      `CREATE VIEW cdroutput AS SELECT 1 AS cdr_id, 1 AS call_history_id, spoil() AS cdr_started_at`,
    );
    const database = stand.open({ databaseUrl: `${stand.url}?options=-c%20default_transaction_read_only%3Doff` });
    const error = await failureOf(readCalls(database));
    expect(error.message).toContain('read-only');
  });

  test('of a server that freezes under way are given up once, and its connection with them', async () => {
    const proxy = await createFreezer(stand.url);
    const pool = new pg.Pool({ connectionString: proxy.url, query_timeout: 500, max: 1 });
    const reading = readBatches(pool, { text: 'SELECT generate_series(1, 5000) AS n', values: [] });
    await reading.next();
    proxy.freeze();
    const startedAt = performance.now();
    await expect(reading.next()).rejects.toThrow('Query read timeout');
    expect(performance.now() - startedAt).toBeLessThan(900);
    expect(pool.totalCount).toBe(0);
    proxy.stop();
  });

  test('that take too long are given up', async () => {
    await stand.execute(chain(1, T0, 1));
    const database = stand.open({ databaseUrl: stand.url, statementTimeoutMs: 200 });
    await database.connect();
    const locker = new pg.Client({ connectionString: stand.url });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE cdroutput IN ACCESS EXCLUSIVE MODE');
    await expect(readCalls(database)).rejects.toMatchObject({ code: 'PBX_DB_TIMEOUT' });
    await expect(database.check()).resolves.toMatchObject({ latencyMs: expect.any(Number) });
    await locker.end();
    await expect(readCalls(database)).resolves.toHaveLength(1);
  });
});

describe('pages of single segments', () => {
  async function readPages(range: RecordRange): Promise<SegmentRow[][]> {
    const database = stand.open();
    const pages: SegmentRow[][] = [];
    for (let after = range.after; ; ) {
      const { rows, more } = await database.segments({ ...range, after });
      pages.push([...rows]);
      const last = rows.at(-1);
      if (!more || !last) return pages;
      after = { at: last.atUs, key: last.key };
    }
  }

  test('hold each row once and in order, also where times differ by a microsecond or not at all', async () => {
    await stand.execute(
      CDROUTPUT,
      `INSERT INTO cdroutput (cdr_id, call_history_id, cdr_started_at)
        SELECT lpad(to_hex(n), 32, '0')::uuid, lpad('1', 32, '0')::uuid,
          to_timestamp(${T0 / 1_000}) + (n / 3) * interval '1 microsecond'
        FROM generate_series(0, 99) AS n`,
    );
    for (const limit of [1, 7, 100]) {
      const pages = await readPages({ ...spanOf(T0, T0 + HOUR), limit });
      const ids = pages.flat().map(row => Number.parseInt(row.cdrId.replaceAll('-', ''), 16));
      expect(ids).toEqual(Array.from({ length: 100 }, (_, n) => n));
      expect(pages.every(page => page.length <= limit)).toBe(true);
    }
  });

  test('begin and end with the millisecond that was asked for', async () => {
    await stand.execute(CDROUTPUT, chain(1, T0, 10));
    const [page] = await readPages(spanOf(T0 + 2_000, T0 + 4_000));
    expect(page?.map(row => row.startedAt)).toEqual([T0 + 2_000, T0 + 3_000, T0 + 4_000]);
  });

  test('are read through the index on the time and not by reading the table', async () => {
    await stand.execute(
      CDROUTPUT,
      `INSERT INTO cdroutput (cdr_id, cdr_started_at)
        SELECT lpad(to_hex(n), 32, '0')::uuid, to_timestamp(${T0 / 1_000} + n) FROM generate_series(1, 50000) AS n`,
      'CREATE INDEX ON cdroutput (cdr_started_at)',
      'ANALYZE cdroutput',
    );
    const table = { schema: 'public', name: 'cdroutput', isReadable: true, columns: ['cdr_id', 'cdr_started_at'] };
    const deep = { at: (T0 + 40_000_000) * 1_000, key: '' };
    const statement = selectSegments(table, { ...spanOf(T0, T0 + 100 * HOUR), after: deep });
    const client = new pg.Client({ connectionString: stand.url });
    await client.connect();
    const { rows } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement?.text}`, [
      ...(statement?.values ?? []),
    ]);
    await client.end();
    const plan = rows[0]['QUERY PLAN'][0].Plan;
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(60);
  });
});

describe('the records of the specification', () => {
  test('come from its columns', async () => {
    await stand.execute(
      `CREATE TABLE cdr_output (id bigserial, call_history_id text, start_time timestamptz, answer_time timestamptz,
        end_time timestamptz, source_dn text, source_number text, source_name text, destination_dn text,
        destination_number text, destination_name text, did text, direction text, result text)`,
      `INSERT INTO cdr_output VALUES (7, 'c1', to_timestamp(${T0 / 1_000}), to_timestamp(${T0 / 1_000 + 3}),
        to_timestamp(${T0 / 1_000 + 9.5}), '10000', '+4930', 'Bob', '101', '', 'Ada', '+4989', 'inbound', 'answered')`,
    );
    expect(await readCalls(stand.open())).toEqual([
      {
        ...{ callHistoryId: 'c1', mainCallHistoryId: null, isTruncated: false },
        segments: [
          {
            cdrId: '7',
            ...{ startedAt: T0, answeredAt: T0 + 3_000, endedAt: T0 + 9_500 },
            source: { entityType: 'external_line', dn: '10000', name: 'Bob', number: '+4930', did: '+4989' },
            destination: { entityType: null, dn: '101', name: 'Ada', number: null, did: null },
            ...{ creationMethod: null, creationForwardReason: null, terminationReason: null },
            terminationReasonDetails: 'answered',
          },
        ],
      },
    ]);
  });

  test('need no more than the time, which is UTC without a zone', async () => {
    await stand.execute(
      'CREATE TABLE cdr_output (start_time timestamp)',
      `INSERT INTO cdr_output VALUES ('2026-01-01 12:00:00.1239'), ('2026-01-01 12:00:05')`,
    );
    const calls = await readCalls(stand.open());
    expect(calls.map(call => call.segments.map(segment => segment.startedAt))).toEqual([[T0 + 123], [T0 + 5_000]]);
    expect(await readCalls(stand.open(), T0 + 123, T0 + 123)).toHaveLength(1);
    const { rows } = await stand.open().segments(spanOf(T0 + 123, T0 + 5_000));
    expect(rows.map(row => row.startedAt)).toEqual([T0 + 123, T0 + 5_000]);
  });

  test('are looked for again while they are missing, and a missing table is said to be', async () => {
    const database = stand.open();
    await expect(readCalls(database)).rejects.toMatchObject({
      code: 'PBX_TABLE_ABSENT',
      message: expect.stringContaining('cdroutput or cdr_output'),
    });
    await stand.execute('CREATE TABLE cdr_output (start_time timestamptz)');
    await expect(readCalls(database)).resolves.toEqual([]);
    await expect(database.agentStates(spanOf(T0, T0 + HOUR))).rejects.toMatchObject({
      code: 'PBX_TABLE_ABSENT',
      message: expect.stringContaining('not on this PBX'),
    });
  });

  test('tell of agents where there is a table for that', async () => {
    await stand.execute(
      'CREATE TABLE operator_state_history (id int, operator_dn text, state text, queue_dn text, changed_at timestamptz)',
      `INSERT INTO operator_state_history VALUES (2, '101', 'LoggedOut', '', to_timestamp(${T0 / 1_000 + 5})),
        (1, '101', 'LoggedIn', '800', to_timestamp(${T0 / 1_000}))`,
    );
    const { rows } = await stand.open().agentStates(spanOf(T0, T0 + 5_000));
    expect(rows).toMatchObject([
      { at: T0, dn: '101', state: 'LoggedIn', queueDn: '800' },
      { at: T0 + 5_000, dn: '101', state: 'LoggedOut', queueDn: null },
    ]);
  });
});
