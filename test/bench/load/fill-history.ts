import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { epochAt } from '@3cx-relay/shared/wire/position.ts';
import { Redis } from 'ioredis';
import pg from 'pg';
import { SENT_MARK } from './event.ts';

/** Each of the same length, with a mark that counts instead of a time. */
const INSERT = `
INSERT INTO events (channel, epoch, seq, at, type, event, dn, call_id, body)
SELECT 'calls', $1, n, to_timestamp($2 / 1000.0), 'call_event', 'call.updated', '101', 'c1', ($3 || lpad(n::text, 15, '0') || $4)::json
FROM generate_series($5::bigint, $6::bigint) AS n`;
const STEP = 250_000;

/** A log of which all is in PostgreSQL and nothing in Redis any more, as retention leaves it. Resolves with its epoch. */
export async function fillHistory(
  target: { redisUrl: string; databaseUrl: string; pbxId: string },
  entries: number,
  eventBytes: number,
): Promise<string> {
  const at = Date.now();
  const epoch = epochAt(at);
  const [head, tail] = bodyAround(eventBytes);
  const postgres = new pg.Client(target.databaseUrl);
  await postgres.connect();
  for (let from = 1; from <= entries; from += STEP) {
    await postgres.query(INSERT, [epoch, at, head, tail, from, Math.min(entries, from + STEP - 1)]);
  }
  await postgres.query(`INSERT INTO log_epochs (channel, epoch, first_seq) VALUES ('calls', $1, 1)`, [epoch]);
  await postgres.query(`UPDATE log_positions SET epoch = $1, seq = $2 WHERE channel = 'calls'`, [epoch, entries]);
  await postgres.query('ANALYZE events');
  await postgres.end();
  const redis = new Redis(target.redisUrl);
  const meta = { seq: String(entries), epochs: `${epoch}:1`, trimmed: String(entries) };
  await redis.hset(createLogKeys(target.pbxId).meta('calls'), meta);
  await redis.quit();
  return epoch;
}

/** What stands before and behind the counted digits. */
function bodyAround(eventBytes: number): [string, string] {
  const head = '{"at":"2026-01-01T00:00:00.000Z","event":"call.updated","data":{"pad":"';
  const middle = `"},"participant":null,"call":null,${SENT_MARK}1`;
  const tail = '"}';
  const pad = 'x'.repeat(Math.max(0, eventBytes - head.length - middle.length - 15 - tail.length));
  return [head + pad + middle, tail];
}
