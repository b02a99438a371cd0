import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Somebody guesses keys and links as fast as he can: he is told to stay away, and it costs nobody else anything. */
const AT_ONCE = 60;
const STRANGER = '192.0.2.1';
const PROMPT_MS = 3_000;

let relay: TestRelay;
let sql: pg.Client;
let viewer: SignedInTester;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_FAILED_KEYS_PER_MINUTE: '5', RELAY_KEY_SWEEP_MS: '3600000' });
  sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
  viewer = await signInAs(relay, { role: 'viewer' });
});

afterAll(async () => {
  await sql?.end();
  await relay?.stop();
});

const withKey = async (apiKey: string, address: string) =>
  (await fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': apiKey, 'x-real-ip': address } })).status;
const guessKey = () => withKey(`3cxr_${randomBytes(32).toString('hex')}`, STRANGER);

const openLink = async (token: string, address: string) =>
  (await askAdmin(relay.url, { 'x-real-ip': address })('POST', '/admin/wallboards/open', { token })).status;
const guessLink = () => openLink(randomBytes(32).toString('base64url'), STRANGER);

async function makeLink(): Promise<string> {
  const admin = await signInAs(relay);
  return (await admin.browser('POST', '/admin/wallboards', { name: 'Hall', expiresInDays: 1 })).body.token;
}

test.each([
  ['keys', 'api_keys', guessKey, withKey, async () => (await relay.createKey()).apiKey, 200],
  ['links of wallboards', 'wallboards', guessLink, openLink, makeLink, 200],
] as const)(
  'who guesses %s holds one connection to PostgreSQL at most, and valid ones are answered',
  async (...row) => {
    const [, table, guess, use, make, good] = row;
    const [own, others] = [await make(), await make()];
    await waitFor(async () => (await guess()) === 429, { what: 'to be told to stay away' });
    // Slow beyond measure: whatever is looked up now waits.
    const holder = new pg.Client({ connectionString: relay.databaseUrl });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const guesses = Array.from({ length: AT_ONCE }, guess);
    const waiting = async () => {
      const { rows } = await sql.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'relay' AND wait_event_type = 'Lock'
       AND datname = current_database()`,
      );
      return rows[0]?.n ?? 0;
    };
    await waitFor(async () => (await waiting()) > 0, { what: 'guesses that wait' });
    const beganAt = performance.now();
    const session = await viewer.browser('GET', '/admin/session');
    const tookMs = performance.now() - beganAt;
    const held = await waiting();
    await holder.end();
    expect([session.status, tookMs < PROMPT_MS, held]).toEqual([200, true, 1]);
    const answers = await Promise.all([use(others, '192.0.2.2'), use(own, STRANGER), ...guesses]);
    expect(answers).toEqual([good, good, ...guesses.map(() => 429)]);
  },
);
