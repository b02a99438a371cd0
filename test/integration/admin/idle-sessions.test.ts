import { type AdminSessions, createAdminSessions } from '@3cx-relay/relay/admin/auth/sessions.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { setupState } from '@3cx-relay/shared/wire/admin/users.ts';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { asService } from '../../harness/service-role.ts';
import { askAdmin, type SignedInTester, signInAs, signInUser } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** Sessions that end because nobody uses them. */
const IDLE_MS = 60_000;
const logger = pino({ level: 'silent' });
let relay: TestRelay;
let sql: pg.Client;
let store: PostgresPool;
let now = Date.now();
const opened: AdminSessions[] = [];

beforeAll(async () => {
  relay = await startTestRelay({ ADMIN_SESSION_IDLE_MS: String(IDLE_MS) });
  sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
  store = createPool({ databaseUrl: asService(relay.databaseUrl), name: 'test sessions', max: 2, logger });
});

afterAll(async () => {
  for (const sessions of opened) await sessions.stop();
  await store?.stop();
  await sql?.end();
  await relay?.stop();
});

/** The sessions of one instance, by the clock of this file. */
function openSessions(more: { idleMs?: number; seenEveryMs?: number } = {}): AdminSessions {
  const sessions = createAdminSessions(
    { pool: store.pool, logger, now: () => now },
    {
      ...{ databaseUrl: asService(relay.databaseUrl), lifeMs: 3_600_000, sweepMs: 3_600_000, maxPerUser: 9 },
      ...{ idleMs: IDLE_MS, secondFactorOf: [], ...more },
    },
  );
  opened.push(sessions);
  return sessions;
}

async function lastSeen(id: string): Promise<number> {
  const { rows } = await sql.query('SELECT last_seen_at FROM admin_sessions WHERE id = $1', [id]);
  return rows[0].last_seen_at.getTime();
}

const restIn = (id: string, ms: number) =>
  sql.query("UPDATE admin_sessions SET last_seen_at = now() - $2 * interval '1 millisecond' WHERE id = $1", [id, ms]);

test('a session that nobody uses ends, and one that is used goes on', async () => {
  const sessions = openSessions();
  const { sessionId, user } = await signInAs(relay);
  now = Date.now();
  for (let n = 0; n < 3; n += 1) {
    expect(await sessions.find(sessionId)).toMatchObject({ id: sessionId });
    now += IDLE_MS - 1_000;
  }
  expect(await sessions.hasRested({ id: sessionId, userId: user.id })).toBe(false);
  now += 1_000;
  expect(await sessions.find(sessionId)).toBeNull();
  expect(await sessions.hasRested({ id: sessionId, userId: user.id })).toBe(true);
  expect(await sessions.hasRested({ id: sessionId, userId: user.id + 1 })).toBe(false);
  // Being asked for it is no use of it.
  expect(await openSessions().find(sessionId)).toBeNull();
  expect(await openSessions({ idleMs: 0 }).find(sessionId)).toMatchObject({ id: sessionId });
});

test('who comes back after a while is known at once to the other instances, where he goes on, too', async () => {
  const [one, other] = [openSessions(), openSessions()];
  const { sessionId } = await signInAs(relay);
  now = Date.now();
  expect(await one.find(sessionId)).toMatchObject({ id: sessionId });
  now += IDLE_MS - 1_000;
  expect(await other.find(sessionId)).toMatchObject({ id: sessionId });
  await waitFor(async () => (await lastSeen(sessionId)) === now, { what: 'the use to be written', timeoutMs: 2_000 });
  now += 2_000;
  expect(await one.find(sessionId)).toMatchObject({ id: sessionId });
});

test('a panel that is open and shows live data is in use, without asking for anything', async () => {
  const sessions = openSessions({ seenEveryMs: 20 });
  const { sessionId } = await signInAs(relay);
  now = Date.now();
  const session = await sessions.find(sessionId);
  if (!session) throw new Error('there is a session');
  const letGo = sessions.hold(session, () => undefined);
  for (let n = 0; n < 3; n += 1) {
    now += IDLE_MS - 1_000;
    await waitFor(async () => (await lastSeen(sessionId)) === now, { what: 'the use to be written' });
  }
  letGo();
  expect(await sessions.find(sessionId)).toMatchObject({ id: sessionId });
  now += IDLE_MS;
  expect(await sessions.find(sessionId)).toBeNull();
});

test('whoever was signed out for it is told, is in no list any more, and nobody else is told', async () => {
  const admin = await signInAs(relay);
  const viewer = await signInAs(relay, { role: 'viewer' });
  const resting = await signInUser(relay, viewer.user);
  await restIn(resting.sessionId, IDLE_MS);
  expect(await resting.browser('GET', '/admin/session')).toMatchObject({
    status: 401,
    body: { code: 'unauthenticated' },
  });
  const setupOf = async ({ token }: SignedInTester) =>
    setupState
      .strict()
      .parse((await askAdmin(relay.url, { cookie: `admin_token=${token}` })('GET', '/admin/setup')).body);
  expect(await setupOf(resting)).toEqual({ needed: false, session: null, endedAfterMs: IDLE_MS });
  expect((await viewer.browser('GET', '/admin/account/sessions')).body.sessions).toMatchObject([
    { id: viewer.sessionId },
  ]);
  const { users } = (await admin.browser('GET', '/admin/users')).body;
  expect(users.find(({ id }: { id: number }) => id === viewer.user.id)).toMatchObject({ sessions: 1 });
  // Ended by somebody: that is nothing to do with rest.
  await sql.query('DELETE FROM admin_sessions WHERE id = $1', [resting.sessionId]);
  expect(await setupOf(resting)).toEqual({ needed: false, session: null });
});
