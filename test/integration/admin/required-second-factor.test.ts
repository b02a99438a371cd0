import { once } from 'node:events';
import { account } from '@3cx-relay/shared/wire/admin/account.ts';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { ROUTES } from './route-rules.ts';

/** A second factor that is each user's choice no more. */
let relay: TestRelay;
/** Another instance on the same stores, which asks it of admins alone. */
let ofAdmins: TestRelay;
let admin: SignedInTester;
const password = 'correct horse battery';

beforeAll(async () => {
  relay = await startTestRelay({ ADMIN_REQUIRE_SECOND_FACTOR: 'all' });
  const stores = { DATABASE_URL: relay.databaseUrl, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId };
  ofAdmins = await startTestRelay({ ...stores, ADMIN_REQUIRE_SECOND_FACTOR: 'admins' });
  admin = await signInAs(relay, { password });
  await setUp(admin);
});

afterAll(async () => {
  await ofAdmins?.stop();
  await relay?.stop();
});

/** Returns the recovery codes. */
async function setUp(tester: SignedInTester, proof: object = {}): Promise<string[]> {
  const offer = await tester.browser('POST', '/admin/account/totp', { password, ...proof });
  expect(offer.status).toBe(200);
  const code = new TOTP({ secret: Secret.fromBase32(offer.body.secret) }).generate();
  const confirmed = await tester.browser('POST', '/admin/account/totp/confirm', { code });
  expect(confirmed.status).toBe(200);
  return confirmed.body.recoveryCodes;
}

const at = ({ url }: TestRelay, { token }: SignedInTester) => askAdmin(url, { authorization: `Bearer ${token}` });

describe('whoever has none', () => {
  let bare: SignedInTester;
  beforeAll(async () => {
    bare = await signInAs(relay, { password });
  });

  const setsUp = ['POST /admin/account/totp', 'POST /admin/account/totp/confirm'];
  const others = Object.entries(ROUTES).filter(
    ([route, { who }]) => (who === 'viewer' || who === 'admin') && !setsUp.includes(route),
  );

  test.each(others)('is refused %s before he has set one up', async route => {
    const [method = '', template = ''] = route.split(' ');
    const { status, body } = await bare.browser(method, template.replaceAll(/:\w+/g, '1'));
    expect([status, body.code]).toEqual([403, 'second_factor_setup_required']);
  });

  test('reads nothing as a client, and is told so by his session', async () => {
    expect((await bare.browser('GET', '/admin/relay/active-calls')).body.code).toBe('second_factor_setup_required');
    const { body } = await bare.browser('GET', '/admin/session');
    expect(body.user).toMatchObject({ hasSecondFactor: false, mustSetUpSecondFactor: true });
    const signedIn = await askAdmin(relay.url)('POST', '/admin/login', { username: bare.user.username, password });
    expect(signedIn.body.user).toMatchObject({ mustSetUpSecondFactor: true });
  });

  test('sets it up and goes on, and replaces it by another one, but does not remove it', async () => {
    const [first] = await setUp(bare);
    const own = account.strict().parse((await bare.browser('GET', '/admin/account')).body);
    expect(own).toMatchObject({ user: { mustSetUpSecondFactor: false }, isSecondFactorRequired: true });
    const [second] = await setUp(bare, { recoveryCode: first });
    const removed = await bare.browser('DELETE', '/admin/account/totp', { password, recoveryCode: second });
    expect(removed).toMatchObject({ status: 409, body: { code: 'not_possible' } });
    expect((await bare.browser('GET', '/admin/account')).body.user.hasSecondFactor).toBe(true);
  });
});

test('whoever must choose a password first does that before', async () => {
  const made = await admin.browser('POST', '/admin/users', { username: 'kim', role: 'viewer' });
  const credentials = { username: 'kim', password: made.body.temporaryPassword, answer: 'token' };
  const { token } = (await askAdmin(relay.url)('POST', '/admin/login', credentials)).body;
  const kim = askAdmin(relay.url, { authorization: `Bearer ${token}` });
  const offer = () => kim('POST', '/admin/account/totp', { password });
  expect((await offer()).body.code).toBe('password_change_required');
  const change = { currentPassword: credentials.password, newPassword: password };
  expect((await kim('POST', '/admin/account/password', change)).status).toBe(204);
  expect((await kim('GET', '/admin/account')).body.code).toBe('second_factor_setup_required');
  expect((await offer()).status).toBe(200);
});

test('of admins alone it is not asked of a viewer, and of nobody unless it is set', async () => {
  const [viewer, other] = [await signInAs(relay, { role: 'viewer', password }), await signInAs(relay)];
  const statusOf = async (whom: SignedInTester) => (await at(ofAdmins, whom)('GET', '/admin/account')).status;
  expect([await statusOf(viewer), await statusOf(other), await statusOf(admin)]).toEqual([200, 403, 200]);
  expect((await at(ofAdmins, viewer)('GET', '/admin/account')).body.isSecondFactorRequired).toBe(false);
  const free = await startTestRelay();
  expect((await (await signInAs(free)).browser('GET', '/admin/users')).status).toBe(200);
  await free.stop();
});

test('an API key needs none', async () => {
  const calls = await fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': relay.apiKey } });
  expect(calls.status).toBe(200);
});

test('whose factor an admin removes loses what is open, and sets up another one', async () => {
  const tester = await signInAs(relay, { role: 'viewer', password });
  await setUp(tester);
  const { ticket } = (await tester.browser('POST', '/admin/tickets', {})).body;
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, ['relay.v1', `ticket.${ticket}`]);
  await once(socket, 'open');
  const closed = once(socket, 'close');
  const { ticket: unused } = (await tester.browser('POST', '/admin/tickets', {})).body;
  expect((await admin.browser('DELETE', `/admin/users/${tester.user.id}/totp`)).status).toBe(204);
  expect((await closed)[0]).toBe(4009);
  const isGated = async () => (await tester.browser('GET', '/admin/account')).status === 403;
  await waitFor(isGated, { what: 'the next request to be refused', timeoutMs: 1_000 });
  const late = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, ['relay.v1', `ticket.${unused}`]);
  expect((await once(late, 'close'))[0]).toBe(4001);
});
