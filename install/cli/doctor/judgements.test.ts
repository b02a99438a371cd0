import type { ListedApiKey } from '@3cx-relay/shared/store/api-keys.ts';
import { expect, test } from 'vitest';
import { judgeKeys } from './access.ts';
import { judgeCertificate } from './certificate.ts';
import { failure, ok, warning } from './check.ts';
import { judgeHolder } from './ingest-holder.ts';
import { toIngestWord } from './ingest-word.ts';
import { listenersOn } from './listeners.ts';
import { judgeRoom } from './machine.ts';
import { judgeClock, judgeExtensions, judgeRole } from './pbx.ts';
import { judgeBackup } from './postgres.ts';
import { judgePostgresSettings } from './postgres-settings.ts';
import { publicHostOf } from './relay.ts';
import { exitCodeOf, runChecks } from './run-checks.ts';
import { judgeWorkerNetwork } from './worker-network.ts';

/** What checks make of what they see. */
const DAY_MS = 86_400_000;
const now = Date.UTC(2026, 10, 29);

test('the exit code is that of the worst finding', () => {
  expect(exitCodeOf([ok('a')])).toBe(0);
  expect(exitCodeOf([ok('a'), warning('b', 'c')])).toBe(1);
  expect(exitCodeOf([failure('a', 'b'), warning('b', 'c')])).toBe(2);
});

test('a check that breaks, or takes for ever, is a failure with a fix', async () => {
  const checks = [
    { name: 'breaks', run: () => Promise.reject(new Error('no such thing')) },
    { name: 'hangs', run: () => new Promise<never>(() => undefined) },
  ];
  const results = await runChecks(checks, {} as never, 20);
  expect(results).toMatchObject([
    { name: 'breaks', level: 'failure', text: 'no such thing', fix: expect.any(String) },
    { name: 'hangs', level: 'failure', text: 'no answer within 20 ms', fix: expect.any(String) },
  ]);
});

test('a backup is older than two days sooner or later, and the timer decides what to do about it', () => {
  const days = (count: number) => count * DAY_MS;
  expect([judgeBackup(days(1), true).level, judgeBackup(days(1), false).level]).toEqual(['ok', 'ok']);
  expect(judgeBackup(days(3), true)).toMatchObject({
    level: 'warning',
    text: expect.stringContaining('although one is made every night'),
    fix: expect.stringContaining('journalctl -u 3cx-relay-backup'),
  });
  expect(judgeBackup(days(3), false)).toMatchObject({ level: 'warning', fix: expect.stringContaining('enable --now') });
  expect(judgeBackup(null, true)).toMatchObject({ level: 'warning', fix: expect.stringContaining('systemctl start') });
  expect(judgeBackup(null, false)).toMatchObject({ level: 'warning', text: 'there is no backup' });
});

test('what belongs to a service is not judged on a machine without it', async () => {
  const checks = [
    { name: 'of-relay', of: 'relay', run: async () => failure('nothing answers', 'start it') },
    { name: 'of-worker', of: 'worker', run: async () => ok('it runs') },
  ] as const;
  const on = (installation: unknown) => runChecks(checks, { installation } as never);
  expect(await on({ services: [{ name: 'worker' }] })).toMatchObject([
    { name: 'of-relay', level: 'unknown', text: 'relay is on another machine' },
    { name: 'of-worker', level: 'ok' },
  ]);
  // Where nothing is installed the check itself knows what to say.
  expect(await on(null)).toMatchObject([{ level: 'failure' }, { level: 'ok' }]);
});

test('a certificate warns two weeks before its end, and fails after it or when clients refuse it', () => {
  const until = (days: number, refusal: string | null = null) =>
    judgeCertificate('x', { validUntil: new Date(now + days * DAY_MS), refusal }, now).level;
  expect([until(90), until(13), until(-1), until(90, 'HOSTNAME_MISMATCH')]).toEqual([
    'ok',
    'warning',
    'failure',
    'failure',
  ]);
  expect(until(90, 'DEPTH_ZERO_SELF_SIGNED_CERT')).toBe('warning');
});

test('a port is open to the network unless it listens on loopback', () => {
  const head = '  sl  local_address rem_address   st\n';
  const line = (local: string, state = '0A') => `   0: ${local} 00000000:0000 ${state} 00000000:00000000\n`;
  const port = 8082;
  expect(listenersOn(head + line('0100007F:1F92') + line('0100007F:1F93'), port)).toEqual(['127.0.0.1']);
  expect(listenersOn(head + line('00000000:1F92'), port)).toEqual(['0.0.0.0']);
  // Somebody who is connected, and does not listen.
  expect(listenersOn(head + line('0101A8C0:1F92', '01'), port)).toEqual([]);
  expect(listenersOn(head + line('00000000000000000000000001000000:1F92'), port)).toEqual(['::1']);
  expect(listenersOn(head + line('00000000000000000000000000000000:1F92'), port)).toEqual(['::']);
});

test('a disk is judged by its share and by what is left', () => {
  const GIB = 1024 ** 3;
  const level = (free: number, total: number) => judgeRoom('state', '/x', { free, total }).level;
  expect([
    level(50 * GIB, 100 * GIB),
    level(15 * GIB, 100 * GIB),
    level(9 * GIB, 100 * GIB),
    level(GIB / 2, 2 * GIB),
  ]).toEqual(['ok', 'warning', 'failure', 'failure']);
});

test('beside a 3CX clients find the relay at the host of the PBX, elsewhere at the name of the site', () => {
  const name = { SERVER_NAME: 'debian.internal' };
  const beside = { ...name, NGINX: 'snippet' };
  expect(publicHostOf(beside, { FQDN: 'pbx.example.com:5001' })).toBe('pbx.example.com:5001');
  expect(publicHostOf(beside, { PBX_URL: 'https://pbx.example.com' })).toBe('pbx.example.com');
  expect(publicHostOf(beside, {})).toBe('debian.internal');
  expect(publicHostOf({ ...name, NGINX: 'site' }, { FQDN: 'pbx.example.com' })).toBe('debian.internal');
  expect(publicHostOf({ NGINX: 'site', SERVER_NAME: '' }, { FQDN: 'pbx.example.com' })).toBeUndefined();
});

test('a PostgreSQL that may forget what it committed is in trouble, one with few connections warns', () => {
  const good = {
    ...{ fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' },
    ...{ max_connections: '100', superuser_reserved_connections: '3', server_encoding: 'UTF8' },
  };
  expect(judgePostgresSettings(good).level).toBe('ok');
  expect(judgePostgresSettings({ ...good, synchronous_commit: 'local' }).level).toBe('ok');
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit']) {
    const { level, text, fix } = judgePostgresSettings({ ...good, [name]: 'off' });
    expect(level).toBe('failure');
    expect([text, fix]).toEqual([expect.stringContaining(`${name} is off`), expect.stringContaining(`${name} = on`)]);
  }
  expect(judgePostgresSettings({ ...good, server_encoding: 'SQL_ASCII' })).toMatchObject({
    level: 'failure',
    text: expect.stringContaining('encoded in SQL_ASCII'),
  });
  expect(judgePostgresSettings({ ...good, max_connections: '53' })).toMatchObject({
    level: 'warning',
    text: expect.stringContaining('leaves 50'),
  });
  expect(judgePostgresSettings({ ...good, max_connections: '54' }).level).toBe('ok');
});

test('clocks differ by more than a Date header can say, or they agree', () => {
  expect(judgeClock(true, 900).level).toBe('ok');
  expect(judgeClock(true, -30_000)).toMatchObject({ level: 'failure', text: "the PBX's clock is 30 s behind" });
  expect([judgeClock(false, null).level, judgeClock(null, null).level]).toEqual(['warning', 'unknown']);
});

test('extensions that are not monitored are counted, and what is not known is not invented', () => {
  const level = (monitored: number | null, total: number | null) =>
    judgeExtensions({ extensions: { monitored, total }, missingExtensions: [] }).level;
  expect([level(null, 30), level(0, 30), level(10, null), level(10, 30), level(30, 30)]).toEqual([
    'unknown',
    'failure',
    'unknown',
    'warning',
    'ok',
  ]);
});

test('extensions that are not monitored are named, as far as ingest names them', () => {
  const extensions = { monitored: 7, total: 10 };
  expect(judgeExtensions({ extensions, missingExtensions: ['105', '108'] }).text).toBe(
    '7 of 10 extensions are monitored: calls of the others are not seen (105, 108 and 1 more)',
  );
  expect(judgeExtensions({ extensions, missingExtensions: [] }).text).toMatch(/are not seen$/);
});

test('what another version of ingest says is understood as far as it goes', () => {
  expect(
    toIngestWord({ state: 'connected', components: [{ component: 'xapi', state: 'up', error: null }], more: 1 }),
  ).toMatchObject({
    state: 'connected',
    database: null,
    extensions: { monitored: null, total: null },
    missingExtensions: [],
    components: new Map([['xapi', { state: 'up', error: null }]]),
  });
  expect(toIngestWord('nonsense')).toMatchObject({ state: null, spoolBytes: null });
});

test('keys that nobody uses, that never end or that nothing limits are named', () => {
  const key = (id: number, more: Partial<ListedApiKey>) =>
    ({
      ...{
        id,
        active: true,
        createdAt: new Date(now - 200 * DAY_MS),
        lastUsedAt: new Date(now),
        dns: ['101'],
        addresses: null,
      },
      ...{ expiresAt: new Date(now + DAY_MS), ...more },
    }) as ListedApiKey;
  expect(judgeKeys([key(1, {})], now).level).toBe('ok');
  const found = judgeKeys(
    [
      key(2, { lastUsedAt: null }),
      key(3, { lastUsedAt: new Date(now - 91 * DAY_MS) }),
      key(4, { expiresAt: null }),
      key(5, { dns: null }),
      key(6, { active: false, expiresAt: null }),
      key(7, { lastUsedAt: null, createdAt: new Date(now - DAY_MS) }),
    ],
    now,
  );
  expect(found).toMatchObject({
    level: 'warning',
    text: 'never used: #2; unused for 90 days: #3; without an end: #4; without any restriction: #5',
  });
});

test('a worker that may connect to this machine alone is in trouble when its settings name another', () => {
  const here = { REDIS_URL: 'redis+unix:///run/redis.sock', DATABASE_URL: 'postgres://a:b@127.0.0.1:5433/relay' };
  const all = '0.0.0.0/0 ::/0';
  expect(judgeWorkerNetwork(all, here).level).toBe('ok');
  expect(judgeWorkerNetwork(all, {}).level).toBe('ok');
  expect(judgeWorkerNetwork('', { ...here, DATABASE_URL: 'postgres://a:b@db.example.com/relay' }).level).toBe('ok');
  for (const [name, value] of [
    ['REDIS_URL', 'redis+sentinel://s1:26379,s2:26379/main'],
    ['REDIS_URL', 'redis://:secret@10.0.0.5:6379'],
    ['DATABASE_URL', 'postgres://a:b@db.example.com/relay'],
    ['INTERNAL_HOST', '0.0.0.0'],
  ] as const) {
    const { level, text, fix } = judgeWorkerNetwork(all, { ...here, [name]: value });
    expect([level, fix]).toEqual(['failure', expect.stringContaining('install.sh')]);
    expect(text).toContain(name);
    expect(text).not.toContain(value);
  }
});

test('who writes and who stands by is named, and one that is silent or was stopped is trouble', () => {
  const at = (ms: number) => new Date(ms).toISOString();
  const lease = {
    ...{ host: 'one', pid: 7, since: at(now - DAY_MS), renewedAt: at(now - 2_000) },
    ...{ leaseMs: 10_000, owner: 'x', isReleased: false },
  };
  const standby = { host: 'two', pid: 8 };
  expect(judgeHolder(lease, null, now)).toMatchObject({
    level: 'ok',
    text: `the ingest on one (pid 7) writes since ${at(now - DAY_MS)}`,
  });
  expect(judgeHolder(lease, standby, now).text).toMatch(/; two \(pid 8\) stands by$/);
  const silent = judgeHolder({ ...lease, renewedAt: at(now - 60_000) }, standby, now);
  expect(silent).toMatchObject({ level: 'failure', text: expect.stringContaining('one (pid 7) is silent') });
  expect(judgeHolder({ ...lease, isReleased: true }, null, now).level).toBe('failure');
  expect(judgeHolder(null, null, now).level).toBe('unknown');
  expect(judgeHolder(null, standby, now).level).toBe('warning');
});

test('a role that is too small for a part of XAPI is told although XAPI answers', () => {
  const said = (state: string, error: string | null) =>
    toIngestWord({ components: [{ component: 'xapi', state, error }] });
  const refusal = 'the role of the API client is too small for GET Users (403): give it the role System Owner';
  expect(judgeRole(said('degraded', refusal))).toMatchObject({
    ...{ level: 'failure', text: refusal },
    fix: expect.stringContaining('System Owner'),
  });
  expect(judgeRole(said('up', null)).level).toBe('ok');
  expect(judgeRole(said('degraded', 'slow to answer')).level).toBe('unknown');
});
