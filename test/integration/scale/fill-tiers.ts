import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { epochAt } from '@3cx-relay/shared/wire/position.ts';
import { Redis } from 'ioredis';
import pg from 'pg';

/** Of entries numbered from 1: PostgreSQL has the older ones, Redis the newer ones, both those between. */
export type Tiers = { persisted: number; hotFrom: number; head: number };

/** As append.lua leaves a stream, several thousand at a time: a test needs many of them before it begins. */
const FILL_STREAM = `
local pad = string.rep('x', tonumber(ARGV[4]))
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('XADD', KEYS[1], string.format('%.0f-0', n), 't', 'call_event', 'at', ARGV[3],
    'b', '{"at":"2026-01-01T00:00:00.000Z","event":"call.updated","n":' .. string.format('%.0f', n) .. ',"pad":"' .. pad .. '"}',
    'dn', '101', 'call', 'c1', 'ev', 'call.updated')
end`;

const FILL_EVENTS = `
INSERT INTO events (channel, epoch, seq, at, type, event, dn, call_id, body)
SELECT 'calls', $1, n, to_timestamp($2 / 1000.0), 'call_event', 'call.updated', '101', 'c1',
  format('{"at":"2026-01-01T00:00:00.000Z","event":"call.updated","n":%s,"pad":"%s"}', n, repeat('x', $4))::json
FROM generate_series(1, $3::bigint) AS n`;

const STEP = 5_000;

/** A log that is as long as wanted, as a worker that copied and trimmed would have left it. Resolves with its epoch. */
export async function fillTiers(
  target: { redisUrl: string; databaseUrl: string; pbxId: string },
  tiers: Tiers,
  padBytes: number,
): Promise<string> {
  const redis = new Redis(target.redisUrl);
  const postgres = new pg.Client(target.databaseUrl);
  await postgres.connect();
  const keys = createLogKeys(target.pbxId);
  const at = Date.now();
  const epoch = epochAt(at);
  const fillRedis = async () => {
    for (let from = tiers.hotFrom; from <= tiers.head; from += STEP) {
      const to = Math.min(tiers.head, from + STEP - 1);
      await redis.eval(FILL_STREAM, 1, keys.log('calls'), from, to, at, padBytes);
    }
    const trimmed = String(tiers.hotFrom - 1);
    await redis.hset(keys.meta('calls'), { seq: String(tiers.head), epochs: `${epoch}:1`, trimmed });
  };
  const fillPostgres = async () => {
    await postgres.query(FILL_EVENTS, [epoch, at, tiers.persisted, padBytes]);
    await postgres.query(`INSERT INTO log_epochs (channel, epoch, first_seq) VALUES ('calls', $1, 1)`, [epoch]);
    await postgres.query(`UPDATE log_positions SET epoch = $1, seq = $2 WHERE channel = 'calls'`, [
      epoch,
      tiers.persisted,
    ]);
  };
  await Promise.all([fillRedis(), fillPostgres()]);
  await redis.quit();
  await postgres.end();
  return epoch;
}

/** Entries behind the head, as a writer that has just started would append them. */
export async function appendTo(target: { redisUrl: string; pbxId: string }, count: number): Promise<void> {
  const redis = new Redis(target.redisUrl);
  const at = Date.now();
  const body = `{"at":"${new Date(at).toISOString()}","event":"call.updated","data":null}`;
  const entries = Array.from({ length: count }, () => ({ type: 'call_event', at, body, event: 'call.updated' }));
  const keys = createLogKeys(target.pbxId);
  const batch = { writerId: 'appender', firstWriterSeq: 1, entries, highestKnownSeq: 0 };
  await appendToLog({ redis, keys, channel: 'calls' }, batch);
  await redis.quit();
}
