import { once } from 'node:events';
import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { keyCommands } from '../../admin-ui/src/lib/keys/key-commands.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';

/** The lines that the panel shows with a new key, at the relay itself. */
let relay: TestRelay;
let admin: SignedInTester;

beforeAll(async () => {
  relay = await startTestRelay();
  admin = await signInAs(relay);
});

afterAll(() => relay?.stop());

test.each([
  { permissions: ['monitor'], dns: null, channels: ['errors', 'health'] },
  { permissions: ['monitor'], dns: ['101'], channels: ['health'] },
  { permissions: ['read', 'monitor'], dns: ['101'], channels: ['calls'] },
])('the wscat line of a key with $permissions for the extensions $dns asks for what it may read', async each => {
  const { permissions, dns, channels } = each;
  const { body } = await admin.browser('POST', '/admin/api-keys', {
    clientName: 'Probe',
    permissions,
    dns,
    expiresAt: null,
  });
  const { wscat } = keyCommands(`${relay.url}/`, { apiKey: body.apiKey, permissions, dns });
  const [, header = '', url = ''] = /^wscat -H 'Authorization: (.*)' -c '(.*)'$/.exec(wscat?.line ?? '') ?? [];
  const socket = new WebSocket(url, { headers: { authorization: header } });
  expect(new URL(url).searchParams.get('channels')?.split(',').toSorted()).toEqual(channels);
  const [first] = await once(socket, 'message');
  const hello = JSON.parse(String(first));
  expect(hello.type).toBe('hello');
  // The relay tells all that the key may read.
  expect(Object.keys(hello.channels)).toEqual(expect.arrayContaining(channels));
  socket.close();
});

test.each([[['read']], [['history']], [['monitor']], [['write']]])(
  'the curl line of a key with %j is answered with 200',
  async permissions => {
    const { apiKey } = await relay.createKey({ permissions: permissions as Permission[] });
    const { curl } = keyCommands(`${relay.url}/`, { apiKey, permissions, dns: null });
    const [, header = '', url = ''] = /-H 'Authorization: (.*)' '(.*)'$/.exec(curl.line) ?? [];
    expect((await fetch(url, { headers: { authorization: header } })).status).toBe(200);
  },
);

test('a key that may read no channel gets no line that listens', () => {
  expect(keyCommands(`${relay.url}/`, { apiKey: 'key', permissions: ['history'], dns: null }).wscat).toBeNull();
});
