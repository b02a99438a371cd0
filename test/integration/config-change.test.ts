import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { compareSettings } from '@3cx-relay/shared/runtime/compare-settings.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';
import { startTestRelay } from '../harness/relay.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let redis: Redis;
let pbxId: string;
let records: AuditRecord[];

beforeEach(async () => {
  const server = await createTestRedis();
  pbxId = server.pbxId;
  redis = new Redis(server.url);
  records = [];
});

afterEach(async () => void (await redis.quit()));

function start(service: string, settings: object): Promise<void> {
  const audit = (record: AuditRecord) => void records.push(record);
  return compareSettings({ redis, keys: createLogKeys(pbxId), logger, audit }, service, { ...settings });
}

test('a start with other settings than the last one is in the audit, with what changed', async () => {
  const first = { PBX_ID: 'main', RELAY_HEARTBEAT_MS: 15_000, RELAY_ALLOWED_ORIGINS: ['https://a.example'], PORT: 1 };
  await start('relay', first);
  await start('worker', { HISTORY_DAYS: 400 });
  await start('relay', { ...first, PORT: 2, INTERNAL_PORT: 3 });
  expect(records).toEqual([]);
  const { PBX_ID: _, ...second } = { ...first, RELAY_HEARTBEAT_MS: 5_000, RELAY_DRAIN_MS: 1 };
  await start('relay', second);
  await start('relay', second);
  expect(records).toEqual([
    {
      action: 'config.change',
      actor: { kind: 'system', id: 'relay', name: 'relay' },
      address: null,
      target: 'config:relay',
      outcome: 'done',
      details: {
        changes: [
          { name: 'PBX_ID', from: 'main', to: null },
          { name: 'RELAY_DRAIN_MS', from: null, to: 1 },
          { name: 'RELAY_HEARTBEAT_MS', from: 15_000, to: 5_000 },
        ],
      },
    },
  ]);
});

test('of a secret it says only that it changed, and keeps too little to guess it by', async () => {
  const url = (password: string) => `postgres://relay:${password}@db.example/relay`;
  await start('relay', { ADMIN_SECRET: 'the first secret', DATABASE_URL: url('first'), CLIENT_SECRET: 'same' });
  await start('relay', { ADMIN_SECRET: 'the second secret', DATABASE_URL: url('second'), CLIENT_SECRET: 'same' });
  expect(records.map(({ details }) => details)).toEqual([
    {
      changes: [
        { name: 'ADMIN_SECRET', from: '[secret]', to: '[secret]' },
        { name: 'DATABASE_URL', from: '[secret]', to: '[secret]' },
      ],
    },
  ]);
  const kept = JSON.stringify(await redis.hgetall(createLogKeys(pbxId).settings));
  for (const secret of ['the first', 'the second', 'first@', 'same']) expect(kept).not.toContain(secret);
  expect(kept).toMatch(/digest:[0-9a-f]{6}\\/);
});

test('the relay itself does so at its start', async () => {
  const first = await startTestRelay();
  const settings = { DATABASE_URL: first.databaseUrl, PBX_ID: first.pbxId, RELAY_DRAIN_MS: '1' };
  const second = await startTestRelay(settings);
  await second.stop();
  await first.stop();
  const entries = await redis.xrange(createLogKeys(first.pbxId).log('audit'), '-', '+');
  const bodies = entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('b') + 1] ?? '{}').data);
  expect(bodies).toMatchObject([
    { action: 'config.change', details: { changes: [{ name: 'RELAY_DRAIN_MS', from: 0, to: 1 }] } },
  ]);
});
