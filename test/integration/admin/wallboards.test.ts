import { board } from '@3cx-relay/shared/wire/admin/wallboards.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { type AskAdmin, askAdmin, type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { activeCall } from '../fixtures/active-call.ts';
import { callRow, HOUR_MS, storeCalls } from '../fixtures/call-rows.ts';

/** A screen in the hall: nobody is signed in at it, and whoever passes by reads it. */
let relay: TestRelay;
let log: LogFiller;
let sql: pg.Client;
let admin: SignedInTester;
let viewer: SignedInTester;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_FAILED_KEYS_PER_MINUTE: '5' });
  log = createLogFiller(relay);
  sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
  [admin, viewer] = await Promise.all([signInAs(relay), signInAs(relay, { role: 'viewer' })]);
  const at = Date.now();
  await log.append([
    {
      ...{ type: 'call_event', at, event: 'call.started', body: `{"at":"${new Date(at).toISOString()}"}` },
      state: [
        activeCall('c1', { state: 'connected', answeredAt: new Date(at).toISOString() }),
        activeCall('c2', { state: 'ringing' }),
      ],
    },
  ]);
});

afterAll(async () => {
  await sql?.end();
  await log?.stop();
  await relay?.stop();
});

test('a link opens the board where nobody is signed in, and the token leaves the address for a cookie', async () => {
  const { token, path } = await makeLink('Hall');
  expect(path).toBe(`#/wall/${token}`);
  const screen = await openLink(token);
  const { status, body } = await screen('GET', '/admin/wallboards/board?zone=Europe/Berlin');
  expect(status).toBe(200);
  expect(board.strict().parse(body)).toMatchObject({ waiting: 1, queues: [{ dn: '800', waiting: 1, talking: 1 }] });
});

test('the board shows no name and of an outside number two digits', async () => {
  const screen = await openLink((await makeLink('Foyer')).token);
  const { body } = await screen('GET', '/admin/wallboards/board');
  expect(body.calls[0]).toMatchObject({ caller: { dn: null, number: '•••56' }, callee: { dn: '101', number: null } });
  expect(JSON.stringify(body)).not.toMatch(/Grace|4930123456/);
});

test('today is that of the zone of the screen, by whatever name its browser knows it', async () => {
  const pool = new pg.Pool({ connectionString: relay.databaseUrl, max: 1 });
  const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  await storeCalls(pool, [
    callRow(1, hour, { ringMs: 300 }),
    callRow(2, hour, { ringMs: 500 }),
    callRow(3, hour, { disposition: 'missed' }),
    callRow(4, hour, { disposition: null }),
    callRow(5, hour - 48 * HOUR_MS),
  ]);
  await pool.end();
  // The second one PostgreSQL does not know.
  for (const zone of ['America/Argentina/Buenos_Aires', 'AGT']) {
    const { today } = (await viewer.browser('GET', `/admin/wallboards/board?zone=${zone}`)).body;
    expect([zone, today]).toEqual([
      zone,
      { calls: 4, answered: 2, missed: 1, abandoned: 0, answeredShare: 2 / 3, meanRingMs: 400 },
    ]);
  }
});

test('whoever is signed in sees the board, too, and nobody else', async () => {
  expect((await viewer.browser('GET', '/admin/wallboards/board')).status).toBe(200);
  expect((await askAdmin(relay.url)('GET', '/admin/wallboards/board')).status).toBe(401);
});

test('a link lets nobody in anywhere else', async () => {
  const screen = await openLink((await makeLink('Stairs')).token);
  for (const path of ['/admin/stats', '/admin/relay/events', '/admin/wallboards', '/admin/api-keys']) {
    expect([path, (await screen('GET', path)).status]).toEqual([path, 401]);
  }
});

test('a link that was revoked, or has ended, gets no further answer', async () => {
  const [revoked, ended] = [await makeLink('Revoked'), await makeLink('Ended')];
  const [one, other] = [await openLink(revoked.token), await openLink(ended.token)];
  expect((await admin.browser('DELETE', `/admin/wallboards/${revoked.id}`)).status).toBe(204);
  expect((await admin.browser('DELETE', `/admin/wallboards/${revoked.id}`)).status).toBe(404);
  await sql.query(`UPDATE wallboards SET expires_at = now() - interval '1 second' WHERE id = $1`, [ended.id]);
  for (const screen of [one, other]) {
    const answer = await screen('GET', '/admin/wallboards/board');
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_wallboard' } });
  }
});

test('only admins see and make links, and what they ask for is checked', async () => {
  for (const [method, path] of [
    ['GET', '/admin/wallboards'],
    ['POST', '/admin/wallboards'],
    ['DELETE', '/admin/wallboards/1'],
  ] as const) {
    expect([method, (await viewer.browser(method, path, method === 'POST' ? {} : undefined)).status]).toEqual([
      method,
      403,
    ]);
  }
  const bad = await admin.browser('POST', '/admin/wallboards', { name: 'x', expiresInDays: 91 });
  expect(bad).toMatchObject({ status: 400, body: { field: 'expiresInDays' } });
  expect((await viewer.browser('GET', '/admin/wallboards/board?zone=Nowhere')).body.field).toBe('zone');
});

test('the list tells when a screen was last seen and never the token, which is stored nowhere', async () => {
  const { id, token } = await makeLink('Seen');
  await (await openLink(token))('GET', '/admin/wallboards/board');
  const { wallboards } = (await admin.browser('GET', '/admin/wallboards')).body;
  const listed = wallboards.find((each: { id: number }) => each.id === id);
  expect(listed).toMatchObject({ name: 'Seen', createdBy: admin.user.username, lastSeenAt: expect.any(String) });
  const { rows } = await sql.query('SELECT wallboards::text AS row FROM wallboards');
  expect(JSON.stringify([wallboards, rows])).not.toContain(token);
});

test('making and revoking are in the audit', async () => {
  const { id } = await makeLink('Audited');
  await admin.browser('DELETE', `/admin/wallboards/${id}`);
  const entries = await waitFor(
    async () => {
      const { body } = await admin.script('GET', '/admin/relay/events?channel=audit&limit=200');
      const own = body.events.filter(({ data }: { data: { target: string } }) => data.target === `wallboard:${id}`);
      return own.length === 2 ? own : null;
    },
    { what: 'both entries' },
  );
  expect(entries.map(({ data }: { data: { action: string } }) => data.action)).toEqual([
    'wallboard.create',
    'wallboard.revoke',
  ]);
});

test('who guesses links is told to stay away', async () => {
  const guess = () => askAdmin(relay.url)('POST', '/admin/wallboards/open', { token: 'x'.repeat(43) });
  const answers = [];
  for (let n = 0; n < 8; n += 1) answers.push((await guess()).status);
  expect(answers).toContain(401);
  expect(answers.at(-1)).toBe(429);
});

async function makeLink(name: string): Promise<{ id: number; token: string; path: string }> {
  const { status, body } = await admin.browser('POST', '/admin/wallboards', { name, expiresInDays: 30 });
  expect(status).toBe(201);
  return body;
}

async function openLink(token: string): Promise<AskAdmin> {
  const answer = await askAdmin(relay.url)('POST', '/admin/wallboards/open', { token });
  expect(answer.status).toBe(200);
  const cookie = answer.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict/);
  return askAdmin(relay.url, { cookie: cookie.split(';')[0] ?? '' });
}
