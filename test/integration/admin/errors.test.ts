import { occurrenceEntry } from '@3cx-relay/shared/errors/error-event.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { acknowledgeAnswer, errorDetailAnswer, errorsAnswer } from '@3cx-relay/shared/wire/admin/errors.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drainChannel } from '../../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../../services/worker/retention/history-days.ts';
import { createMonths } from '../../../services/worker/retention/months.ts';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from '../fixtures/tcp-proxy.ts';

/** What an operator sees of the errors: what PostgreSQL has, what only the log has, and what memory has when it is away. */
const logger = createLogger({ name: 'test', level: 'silent' });
let own: TestRelay;
/** The same behind a proxy, so that PostgreSQL can be away. */
let relay: TestRelay;
let postgres: TcpProxy;
let store: PostgresPool;
let log: LogFiller;
let admin: SignedInTester;
let viewer: SignedInTester;

beforeAll(async () => {
  own = await startTestRelay();
  postgres = await startTcpProxy(own.databaseUrl);
  relay = await startTestRelay({
    ...{ DATABASE_URL: postgres.url, REDIS_URL: own.redisUrl, PBX_ID: own.pbxId, RELAY_MAX_EXPORTS: '1' },
  });
  store = createPool({ databaseUrl: own.databaseUrl, name: 'test', max: 4, logger });
  log = createLogFiller(relay);
  const at = { url: relay.url, databaseUrl: own.databaseUrl };
  [admin, viewer] = await Promise.all([signInAs(at), signInAs(at, { role: 'viewer' })]);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
  await postgres?.stop();
  await store?.stop();
  await own?.stop();
});

type Written = {
  component: string;
  message: string;
  severity?: 'critical' | 'error' | 'warning' | 'info';
  suppressed?: number;
};

/** As a service would write them, each `message` an error of its own. */
async function write(...errors: Written[]): Promise<void> {
  const entries = errors.map(({ component, message, severity = 'error', suppressed = 0 }) =>
    occurrenceEntry(Date.now(), {
      ...{ component, message, severity, suppressed, service: 'test', fingerprint: `${component}-${message}` },
      details: { said: message },
    }),
  );
  await log.append(entries, 'errors');
}

async function persist(): Promise<void> {
  const deps = {
    ...{ redis: log.redis, keys: log.keys, pool: store.pool, logger },
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
  };
  await drainChannel(deps, 'errors', AbortSignal.timeout(20_000));
}

async function list(query: string) {
  const { status, body } = await viewer.browser('GET', `/admin/errors?${query}`);
  expect(status).toBe(200);
  return errorsAnswer.parse(body);
}

const listed = (query: string, count: number) =>
  waitFor(
    async () => {
      const page = await list(query);
      return page.errors.length >= count && page;
    },
    { what: `${count} errors of ${query}` },
  );

const audits = (action: string) =>
  waitFor(
    async () => {
      const { body } = await admin.script('GET', `/admin/relay/events?channel=audit&event=${action}`);
      return body.events.length > 0 && body.events.map(({ data }: { data: unknown }) => data);
    },
    { what: `${action} in the audit` },
  );

test('errors are listed newest first, by what they are like, a page at a time', async () => {
  await write({ component: 'pages', message: 'one' }, { component: 'pages', message: 'two', severity: 'warning' });
  await persist();
  await write({ component: 'pages', message: 'three', suppressed: 4 });
  const { errors, incomplete } = await listed('component=pages', 3);
  expect(errors.map(({ message, count }) => [message, count])).toEqual([
    ['three', 5],
    ['two', 1],
    ['one', 1],
  ]);
  expect(incomplete).toBeNull();
  expect((await list('component=pages&severity=warning,info')).errors).toMatchObject([{ message: 'two' }]);
  expect((await list('component=pages&text=THRE')).errors).toMatchObject([{ message: 'three' }]);
  const first = await list('component=pages&limit=2');
  expect((await list(`component=pages&limit=2&cursor=${first.next}`)).errors).toMatchObject([{ message: 'one' }]);
});

test('what is asked for wrongly is refused by name', async () => {
  const ask = async (query: string) => (await viewer.browser('GET', `/admin/errors?${query}`)).body;
  expect(await ask('severity=awful')).toMatchObject({ code: 'invalid_request', field: 'severity' });
  expect(await ask('limit=501')).toMatchObject({ field: 'limit' });
  expect(await ask('cursor=nonsense')).toMatchObject({ status: 400, field: 'cursor' });
  expect(await ask('text=a%00b')).toMatchObject({ status: 400, field: 'text' });
  expect(await ask('from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z')).toMatchObject({ field: 'from' });
  expect(await ask('format=csv&limit=5')).toMatchObject({ field: 'limit' });
  const acknowledge = async (body: unknown) => (await admin.browser('POST', '/admin/errors/acknowledge', body)).body;
  expect(await acknowledge({})).toMatchObject({ status: 400, field: 'ids' });
  expect(await acknowledge({ ids: ['a'], matching: {} })).toMatchObject({ status: 400, field: 'ids' });
  expect(await acknowledge({ matching: { from: 'yesterday' } })).toMatchObject({ field: 'matching.from' });
});

test('one error comes with its newest occurrences, from the log in PostgreSQL and from memory', async () => {
  await write(...Array.from({ length: 15 }, () => ({ component: 'samples', message: 'again' })));
  await write({ component: 'samples', message: 'another' });
  await persist();
  await write(...Array.from({ length: 8 }, () => ({ component: 'samples', message: 'again' })));
  const [error] = await waitFor(
    async () => {
      const { errors } = await list('component=samples&text=again');
      return errors[0]?.count === 23 && errors;
    },
    { what: 'all occurrences' },
  );
  // One that has just started knows from memory no more than the others, and asks PostgreSQL for the rest.
  const { status, body } = await viewer.browser('GET', `/admin/errors/${error?.id}`);
  expect(status).toBe(200);
  const detail = errorDetailAnswer.parse(body);
  expect(detail.error).toMatchObject({ count: 23, message: 'again' });
  expect(detail.samples).toHaveLength(20);
  expect(new Set(detail.samples.map(({ message }) => message))).toEqual(new Set(['again']));
  const ids = detail.samples.map(({ id }) => id);
  expect(ids).toEqual(ids.toSorted().reverse());
  expect((await viewer.browser('GET', '/admin/errors/m5k2h7qa_0000000000000001')).status).toBe(404);
  expect((await viewer.browser('GET', '/admin/errors/nonsense')).status).toBe(404);
});

test('an admin acknowledges one, several or all that match, and the audit says who and how many', async () => {
  await write(...['a', 'b', 'c', 'd'].map(message => ({ component: 'done', message })));
  const { errors } = await listed('component=done', 4);
  const idOf = (message: string) => errors.find(error => error.message === message)?.id ?? '';
  expect((await viewer.browser('POST', `/admin/errors/${idOf('a')}/acknowledge`, {})).body.code).toBe('forbidden');
  const one = await admin.browser('POST', `/admin/errors/${idOf('a')}/acknowledge`, {});
  expect(one.body).toEqual({ acknowledged: [idOf('a')] });
  expect((await list('component=done&acknowledged=true')).errors).toMatchObject([
    { message: 'a', acknowledgedBy: admin.user.username },
  ]);
  expect((await admin.browser('POST', '/admin/errors/m5k2h7qa_0000000000000001/acknowledge', {})).status).toBe(404);

  const nobody = 'm5k2h7qa_0000000000000002';
  const several = await admin.browser('POST', '/admin/errors/acknowledge', { ids: [idOf('b'), nobody] });
  expect(acknowledgeAnswer.parse(several.body)).toEqual({
    ...{ acknowledged: [idOf('b')], unknown: [nobody], incomplete: null },
  });
  const again = await admin.browser('POST', '/admin/errors/acknowledge', { ids: [idOf('a'), idOf('b')] });
  expect(again.body.acknowledged.toSorted()).toEqual([idOf('a'), idOf('b')].toSorted());
  const rest = await admin.browser('POST', '/admin/errors/acknowledge', { matching: { component: ['done'] } });
  expect(rest.body.acknowledged.toSorted()).toEqual([idOf('c'), idOf('d')].toSorted());
  expect((await list('component=done&acknowledged=false')).errors).toEqual([]);

  const entries = await waitFor(
    async () => {
      const found = await audits('error.acknowledge');
      return found.length === 3 && found;
    },
    { what: 'three entries' },
  );
  expect(entries).toMatchObject([
    { actor: { name: admin.user.username }, target: `error:${idOf('a')}`, details: { errors: 1 } },
    { target: null, details: { errors: 1, ids: [idOf('b')] } },
    { details: { errors: 2, matching: { component: ['done'] } } },
  ]);
  expect(entries[2].details.ids.toSorted()).toEqual([idOf('c'), idOf('d')].toSorted());
});

test('an export has every error that matches, no formula in it, and the audit knows of it', async () => {
  await write(...Array.from({ length: 520 }, (_, n) => ({ component: 'export', message: `number ${n}` })));
  await write({ component: 'export', message: '=HYPERLINK("http://x")' });
  await listed('component=export&limit=500', 500);
  await persist();
  const ndjson = await viewer.browser('GET', '/admin/errors?component=export&format=ndjson');
  const lines = String(ndjson.body)
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(lines).toHaveLength(522);
  expect(lines.at(-1)).toEqual({ complete: true, rows: 521, incomplete: null });
  expect(new Set(lines.map(({ id }) => id)).size).toBe(522);

  const csv = await viewer.browser('GET', '/admin/errors?component=export', undefined, { accept: 'text/csv' });
  expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="errors_\d{8}T\d{6}Z\.csv"$/);
  const rows = String(csv.body).trim().split('\r\n');
  expect(rows[0]).toMatch(/^id,timestamp,first_seen,severity,component/);
  expect(rows).toHaveLength(522);
  expect(rows.find(row => row.includes('HYPERLINK'))).toContain(`"'=HYPERLINK(""http://x"")"`);

  const exports = await waitFor(
    async () => {
      const found = await audits('errors.export');
      return found.length === 4 && found;
    },
    { what: 'two entries of each export' },
  );
  expect(exports[1]).toMatchObject({
    ...{ actor: { name: viewer.user.username }, target: 'errors', outcome: 'done' },
    details: { format: 'ndjson', query: { component: ['export'] }, rows: 521 },
  });
});

test('while PostgreSQL is frozen the newest errors come from memory and say so, and nothing hangs', async () => {
  await write({ component: 'frozen', message: 'before' });
  await listed('component=frozen', 1);
  postgres.freeze();
  try {
    const startedAt = performance.now();
    const page = await list('component=frozen');
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(page.errors).toMatchObject([{ message: 'before' }]);
    expect(page.incomplete).toContain('PostgreSQL does not answer');
    const detail = await viewer.browser('GET', `/admin/errors/${page.errors[0]?.id}`);
    expect(errorDetailAnswer.parse(detail.body).incomplete).toContain('from memory');
    const unknown = await viewer.browser('GET', '/admin/errors/m5k2h7qa_0000000000000001');
    expect([unknown.status, unknown.body.code]).toEqual([503, 'unavailable']);
  } finally {
    await postgres.restore();
  }
}, 20_000);
