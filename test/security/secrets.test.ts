import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminSecret } from '../harness/relay.ts';
import { connectClient } from '../harness/relay-client.ts';
import { askAdmin, signInAs } from '../harness/sign-in.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The whole product at the most talkative level: no secret is in a log of it, in its Redis streams or in its tables. */
let system: System;
const password = 'a password that nobody guesses 7';
const clientSecret = 'simulated-secret-5f0c1d';

beforeAll(async () => {
  system = await startSystem({ LOG_LEVEL: 'trace', CLIENT_SECRET: clientSecret, SIM_CLIENT_SECRET: clientSecret });
});

afterAll(() => system?.stop());

test('no secret reaches a log, an entry or a table, at whatever level', async () => {
  const relay = { url: system.relayUrl, databaseUrl: system.databaseUrl };
  const admin = await signInAs(relay, { username: 'ada', password });
  const stranger = askAdmin(relay.url);
  const wrong = 'a password that is not right 9';
  const signedIn = await stranger('POST', '/admin/login', { username: 'ada', password });
  expect(signedIn.status).toBe(200);
  const cookie = /=([^;]+)/.exec(signedIn.headers.get('set-cookie') ?? '')?.[1] ?? 'none';
  expect((await stranger('POST', '/admin/login', { username: 'ada', password: wrong })).status).toBe(401);
  // Into the wrong field.
  const typed = 'a password that is no name 8';
  expect((await stranger('POST', '/admin/login', { username: typed, password: 'ada' })).status).toBe(401);
  const { body: made } = await admin.browser('POST', '/admin/api-keys', { clientName: 'CRM', permissions: ['read'] });
  const { body: offered } = await admin.browser('POST', '/admin/account/totp', { password });
  const { body: board } = await admin.browser('POST', '/admin/wallboards', { name: 'Hall', expiresInDays: 1 });
  const { body: user } = await admin.browser('POST', '/admin/users', { username: 'grace', role: 'viewer' });
  const headers = { 'x-api-key': made.apiKey };
  const ticketOf = async () =>
    ((await (await fetch(`${relay.url}/relay/tickets`, { method: 'POST', headers })).json()) as { ticket: string })
      .ticket;
  const [ticket, other] = [await ticketOf(), await ticketOf()];
  await fetch(`${relay.url}/relay/events?ticket=${other}`, { headers });
  const stop = new AbortController();
  await fetch(`${relay.url}/relay/events/stream?ticket=${ticket}`, { signal: stop.signal });
  stop.abort();
  const guessed = `3cxr_${'ab'.repeat(32)}`;
  await fetch(`${relay.url}/relay/events?apiKey=${guessed}`, { headers: { authorization: `Bearer ${guessed}` } });
  const client = await connectClient(relay.url, made.apiKey);
  await system.sim('POST', '/sim/calls', { scenario: 'inbound', dn: '101' });
  await waitFor(() => client.entries().length > 0, { what: 'a call to be told of' });
  await client.close();
  // What a refused token makes ingest say.
  await system.sim('POST', '/sim/faults', { kind: 'expire-token' });
  await system.sim('POST', '/sim/faults', { kind: 'drop' });
  const first = system.service('ingest').output();
  await system.crash('ingest');
  // An HTTP client hangs the whole request on the error of one that nobody answers.
  await system.service('simulator').kill();
  await admin.browser('POST', '/admin/connections/xapi/reconnect', {});
  await waitFor(() => system.service('ingest').output().includes('ECONNREFUSED'), { what: 'ingest to miss the PBX' });

  const secrets: Record<string, string> = {
    ...{ adminSecret, password, wrong, typed, clientSecret, cookie, guessed, ticket, other },
    ...{ csrf: signedIn.body.csrfToken, apiKey: made.apiKey, systemKey: system.apiKey, token: admin.token },
    ...{ totp: offered.secret, board: board.token, temporary: user.temporaryPassword },
    database: decodeURIComponent(new URL(system.databaseUrl).password),
  };
  for (const [name, secret] of Object.entries(secrets)) expect([name, String(secret).length > 5]).toEqual([name, true]);

  const places: Record<string, string> = { 'the first ingest': first };
  for (const name of ['ingest', 'relay', 'worker'] as const) places[name] = system.service(name).output();
  for (const channel of ['calls', 'health', 'errors', 'audit', 'requests'] as const) {
    places[`the log ${channel}`] = JSON.stringify(await system.redis.xrange(system.keys.log(channel), '-', '+'));
  }
  const { rows: tables } = await system.postgres.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class
     WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`,
  );
  for (const { name } of tables) {
    const { rows } = await system.postgres.query(`SELECT to_jsonb(each)::text AS row FROM ${name} AS each`);
    places[`the table ${name}`] = JSON.stringify(rows);
  }
  const found = Object.entries(places).flatMap(([place, text]) =>
    Object.entries(secrets).flatMap(([name, secret]) => (text.includes(secret) ? [`${name} is in ${place}`] : [])),
  );
  expect(found).toEqual([]);
  expect(places.relay).toContain('"level":"debug"');
});
