import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRaw, sendRaw } from '../harness/raw-http.ts';
import { type RelayProcess, startRelayProcess } from '../harness/relay-process.ts';
import { signInAs } from '../harness/sign-in.ts';
import { createHistoryStand, endedCall, endOf } from '../integration/fixtures/history-stand.ts';

/** What is sent becomes no header of an answer, no line of the log, no path of a file, and no look inside. */
let relay: RelayProcess;

beforeAll(async () => {
  relay = await startRelayProcess({
    settings: { LOG_LEVEL: 'trace', RELAY_ALLOWED_ORIGINS: 'https://crm.example.com' },
  });
});

afterAll(() => relay?.stop());

const INJECTED = 'x-injected';
const BREAKS = [
  '%0d%0aX-Injected:%20yes',
  '%0aX-Injected:%20yes',
  '%E5%98%8A%E5%98%8DX-Injected:%20yes',
  '%00',
  '%1b[31mred',
];
const TARGETS = [
  ...[
    '//?:,]@#&x',
    '//#',
    '/#',
    '*',
    'http://[',
    'http://a]b/',
    'http://relay/relay/health',
    'ftp://x/',
    'relay',
    '//relay:0/',
    '/%',
    '/%zz',
  ],
  ...[
    '/admin/%2e%2e/%2e%2e/etc/passwd',
    '/admin/..%2f..%2fetc%2fpasswd',
    '/admin/../../etc/passwd',
    '/admin/....//....//etc/passwd',
  ],
  ...[
    '/admin/%5c..%5c..%5cetc%5cpasswd',
    '/admin/_app/../../../package.json',
    '/admin//etc/passwd',
    '/admin/%00',
    '/admin/index.html%00.js',
  ],
  ...[
    '/relay/../admin/stats',
    '/relay/%2e%2e/admin/stats',
    '/admin/relay/../users',
    '/admin/relay/%2e%2e/users',
    '/RELAY/events',
    '/relay/events/',
  ],
];
const NAMES = [
  'channel',
  'after',
  'dn',
  'call',
  'event',
  'from',
  'limit',
  'order',
  'format',
  'cursor',
  'ticket',
  'offset',
];
const HEADERS = [
  'Origin',
  'Last-Event-ID',
  'Idempotency-Key',
  'X-Real-IP',
  'X-Forwarded-Proto',
  'User-Agent',
  'Referer',
  'If-None-Match',
  'Accept',
  'X-API-Key',
  'Cookie',
  'traceparent',
];
const PATHS = [
  '/relay/events',
  '/relay/events/stream',
  '/relay/streams/calls',
  '/relay/cdr',
  '/relay/history/calls',
  '/relay/calls/x',
  '/admin/errors',
  '/admin/',
];

function request(target: string, headers: readonly string[] = [], method = 'GET'): Buffer {
  const key = headers.some(header => header.startsWith('X-API-Key')) ? [] : [`X-API-Key: ${relay.apiKey}`];
  return Buffer.from(
    [`${method} ${target} HTTP/1.1`, 'Host: relay', ...key, ...headers, 'Connection: close', '', ''].join('\r\n'),
    'latin1',
  );
}

/** Of our sources, of libraries, of the stores and of this machine. */
const INSIDE =
  /node_modules|\bat .+\.[jt]s:\d+|services\/relay|\/(home|root|work|opt|usr)\/|SELECT |INSERT |syntax error at|ECONN|relation "|ReplyError|ZodError|TypeError|root:x:/;

async function expectNothingInside(bytes: Buffer): Promise<void> {
  const answer = await sendRaw(relay.url, bytes);
  const asked = bytes.toString('latin1').slice(0, 200);
  if (!answer) return;
  expect([asked, answer.status >= 500 && answer.status !== 503 && answer.status !== 504]).toEqual([asked, false]);
  expect([asked, answer.headers.includes(`\r\n${INJECTED}`)]).toEqual([asked, false]);
  if (answer.status >= 400) expect([asked, INSIDE.exec(answer.body)?.[0]]).toEqual([asked, undefined]);
}

async function eachAtOnce(requests: readonly Buffer[]): Promise<void> {
  for (let done = 0; done < requests.length; done += 16)
    await Promise.all(requests.slice(done, done + 16).map(expectNothingInside));
}

test('no target of a request fails the relay, and none leads out of the folder of the panel', async () => {
  await eachAtOnce(
    TARGETS.flatMap(target => [request(target), request(target, [], 'POST'), request(target, [], 'HEAD')]),
  );
  for (const target of TARGETS.filter(each => each.includes('passwd') || each.includes('package.json'))) {
    const answer = await sendRaw(relay.url, request(target));
    expect([target, answer?.body.includes('root:') || answer?.body.includes('"workspaces"')]).toEqual([target, false]);
  }
});

test('a line break in a path, a parameter or a header becomes no header and no line of the log', async () => {
  const pairs = PATHS.flatMap(path => NAMES.map(name => `${path}?${name}=`));
  const inQuery = pairs.map((pair, index) => request(pair + BREAKS[index % BREAKS.length]));
  const inPath = BREAKS.flatMap(text =>
    ['/relay/', '/relay/calls/', '/relay/streams/', '/admin/', '/admin/errors/'].map(path => request(path + text)),
  );
  const inHeader = HEADERS.flatMap(name =>
    [
      'https://crm.example.com\nX-Injected: yes',
      'x\rX-Injected: yes',
      '%0d%0aX-Injected: yes',
      '\x1b[31m',
      '\xff\xfe',
      'https://crm.example.com%0d%0aX-Injected: yes',
    ].map(value => request('/relay/events?limit=1', [`${name}: ${value}`])),
  );
  await eachAtOnce([...inQuery, ...inPath, ...inHeader]);
  for (const text of BREAKS) {
    const upgrade = openRaw(relay.url);
    upgrade.on('error', () => undefined);
    let answer = '';
    upgrade.on('data', chunk => {
      answer += chunk;
    });
    upgrade.write(
      `GET /relay/ws?channels=${text} HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-API-Key: ${relay.apiKey}\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: relay.v1, ${text}\r\n\r\n`,
    );
    await expect.poll(() => answer, { timeout: 10_000, message: text }).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.toLowerCase()).not.toContain(`\n${INJECTED}`);
    upgrade.destroy();
  }
  const lines = relay.output().trimEnd().split('\n');
  // The first one may be the rest of one that was given up.
  for (const line of lines.slice(1)) expect(JSON.parse(line)).toMatchObject({ name: 'relay' });
  expect(relay.output()).not.toContain('\u001b');
});

test('a failure says what it is and nothing of what is inside', async () => {
  const bodies = [
    '{',
    '[]',
    'null',
    '{"dn":{}}',
    '{"__proto__":{"dn":"101"}}',
    `{"dn":"101'; DROP TABLE events; --","destination":"1"}`,
    '"'.repeat(3_000),
  ];
  const posts = ['/relay/calls', '/relay/calls/1/drop', '/relay/tickets', '/admin/login', '/admin/setup'].flatMap(
    path =>
      bodies.map(body => {
        const headers = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
        return Buffer.concat([request(path, headers, 'POST'), Buffer.from(body)]);
      }),
  );
  const odd = [
    "'",
    "' OR 1=1 --",
    '$1',
    '\\',
    '%25',
    '1e999',
    '-1',
    '00000000_0000000000000001',
    'zzzzzzzz_9999999999999999',
    '{"$ne":1}',
  ];
  const gets = PATHS.flatMap((path, index) =>
    NAMES.map((name, nth) => request(`${path}?${name}=${encodeURIComponent(odd[(index + nth) % odd.length] ?? '')}`)),
  );
  await eachAtOnce([...posts, ...gets]);
});

/** What PostgreSQL takes as no text, for every parameter, … */
const NO_TEXT = ['%00', '1%00', '101,a%00b%ED%A0%80'];
const EVERY_NAME = [
  ...NAMES.filter(name => name !== 'ticket'),
  ...['before', 'queue', 'number', 'key', 'component', 'action', 'actor', 'target', 'outcome', 'timeZone', 'of', 'by'],
  ...['to', 'wait', 'text', 'severity', 'acknowledged', 'zone', 'history', 'direction', 'disposition', 'source'],
];
/** … and as no time or no time zone, and cursors that lead there. */
const NO_CURSOR = [
  ...['zzzzzzzzzzz.x', 'zzzzzzzzzz.x', '2w8nhz1hr.x', '3dvw1hzzz.x', 'mmmmmmmm.%00x', 'mmmmmmmm.x%00', '0.%ED%A0%80'],
  ...['00000000_0000000000000001%00', '999999999999999', '0'],
];
const NO_TIME = [
  ...['0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59-14:00', '0001-01-01T00:00:00%2B14:00'],
  ...['99999999999999', '9999999999999999', '%2B275760-09-13T00:00:00Z', '-271821-04-20T00:00:00Z'],
];
const NO_ZONE = ['Asia/Calcutta', 'Europe/Kiev', 'SystemV/PST8', 'AGT', 'ECT', 'VST'];
const QUERIES = [
  ...EVERY_NAME.flatMap(name => NO_TEXT.map(value => `${name}=${value}`)),
  ...['after', 'before', 'cursor', 'offset'].flatMap(name => NO_CURSOR.map(value => `${name}=${value}`)),
  ...['from', 'to'].flatMap(name => NO_TIME.map(value => `${name}=${value}`)),
  ...['timeZone', 'zone'].flatMap(name => NO_ZONE.map(value => `${name}=${value}`)),
];
const PATHS_OF_KEY = [
  ...['active-calls', 'events', 'events?channel=audit', 'events?order=desc', 'streams/calls', 'cdr'],
  ...['history/calls', 'history/calls?order=asc', 'history/events', 'history/events?channel=errors'],
  ...['history/audit', 'history/statistics', 'history/statistics?of=dn', 'calls/x', 'calls/m0000000-000001'],
];
const PATHS_OF_PANEL = ['errors', 'connections', 'connections/xapi/history', 'api-keys/1/usage', 'dead-letters'];

test('bytes, times and cursors that PostgreSQL would refuse are refused before, or find nothing', async () => {
  const stand = await createHistoryStand({ RELAY_RECORDS_TIMEOUT_MS: '500', RELAY_MAX_RECORD_READS: '16' });
  try {
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
    const calls = Array.from({ length: 20 }, (_, n) => endedCall(n, hour - n * 60_000));
    await stand.filler.append(calls.map(endOf));
    stand.audit.write({
      ...{ action: 'call.drop', actor: { kind: 'api_key', id: '1', name: 'test' }, address: null },
      ...{ target: '101', outcome: 'done', details: {} },
    });
    await expect.poll(() => stand.filler.redis.exists(stand.filler.keys.log('audit'))).toBe(1);
    await stand.persist();
    const admin = await signInAs(stand.relay);
    const failed: string[] = [];
    const failing = async (what: string, asked: Promise<{ status: number }>) => {
      if ((await asked).status === 500) failed.push(what);
    };
    const asked = [
      ...PATHS_OF_KEY.map(path => `/relay/${path}`),
      ...[...PATHS_OF_PANEL, 'wallboards/board'].map(path => `/admin/${path}`),
    ].flatMap(path => QUERIES.map(query => `${path}${path.includes('?') ? '&' : '?'}${query}`));
    const inPath = NO_TEXT.flatMap(value =>
      ['/relay/calls', '/relay/streams', '/admin/errors', '/admin/connections'].map(path => `${path}/${value}`),
    );
    const all = [...asked, ...inPath];
    for (let done = 0; done < all.length; done += 32) {
      await Promise.all(
        all
          .slice(done, done + 32)
          .map(path => failing(path, path.startsWith('/relay') ? stand.get(path) : admin.script('GET', path))),
      );
    }
    for (const bad of ['\0', 'a\0', '\ud800']) {
      for (const [path, body] of [
        ['/admin/login', { username: bad, password: `${bad} is no password` }],
        ['/admin/users', { username: bad, role: 'viewer', password: `${bad} is no password of anybody` }],
        ['/admin/api-keys', { clientName: bad, permissions: ['read'] }],
        ['/admin/api-keys', { clientName: 'x', permissions: ['read'], dns: [bad], addresses: [bad] }],
        ['/admin/wallboards', { name: `x${bad}x`, expiresInDays: 1 }],
        ['/admin/wallboards/open', { token: bad }],
        ['/admin/errors/acknowledge', { matching: { text: bad, component: [bad] } }],
        ['/admin/account/password', { currentPassword: bad, newPassword: `${bad} is a new password` }],
      ] as const) {
        await failing(`${path} ${JSON.stringify(body)}`, admin.script('POST', path, body));
      }
    }
    expect(failed).toEqual([]);
  } finally {
    await stand.stop();
  }
}, 180_000);
