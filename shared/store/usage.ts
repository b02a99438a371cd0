import type pg from 'pg';
import { loadSql } from './sql.ts';

const INSERT_REQUESTS = loadSql('insert-api-requests');
const ADD = loadSql('add-usage');
const SELECT = loadSql('select-usage');
const SELECT_BY_KEY = loadSql('select-requests-by-key');

/** Stands for the panel where use is kept by key: no key has a number below 1. */
export const PANEL_KEY = -1;

/** One request to the public API, as api_requests has it. */
export interface ApiRequest {
  /** Null without a valid key, of the panel too. */
  readonly keyId: number | null;
  readonly endpoint: string;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
  readonly at: Date;
  /** So many more of them that were counted and not written. */
  readonly suppressed: number;
}

/** What is added to an hour. */
export interface UsageSum {
  /** Its beginning, UTC. */
  readonly hour: Date;
  /** 0 without a valid key, `PANEL_KEY` by somebody who is signed in to the panel. */
  readonly keyId: number;
  readonly endpoint: string;
  readonly status: number;
  readonly requests: number;
  readonly durationMs: number;
  readonly maxDurationMs: number;
  readonly bytes: number;
}

export async function insertApiRequests(client: pg.ClientBase, requests: readonly ApiRequest[]): Promise<void> {
  await client.query(INSERT_REQUESTS, [JSON.stringify(requests)]);
}

/** The sums must differ in hour, key, endpoint or status. */
export async function addUsage(client: pg.ClientBase, sums: readonly UsageSum[]): Promise<void> {
  await client.query(ADD, [JSON.stringify(sums)]);
}

export interface UsageQuery {
  /** Null: requests of strangers, without a valid key. Absent: of all keys, of the panel and of strangers. */
  readonly keyId?: number | null;
  /** Hours that begin at or after `from` and before `to`. */
  readonly from: Date;
  readonly to: Date;
  /** Days are those of UTC. */
  readonly by: 'hour' | 'day';
  readonly groupBy?: 'status' | 'endpoint';
}

export interface Usage {
  /** Beginning of the hour or day. One in which nothing was asked is absent. */
  readonly at: Date;
  /** Null unless grouped by it. */
  readonly status: number | null;
  readonly endpoint: string | null;
  readonly requests: number;
  /** Sum; of those that were counted and not written nobody knows it. */
  readonly durationMs: number;
  readonly maxDurationMs: number;
  readonly bytes: number;
}

export async function selectUsage(pool: pg.Pool | pg.ClientBase, query: UsageQuery): Promise<Usage[]> {
  const key = query.keyId === undefined ? null : (query.keyId ?? 0);
  const values = [key, query.from, query.to, query.by, query.groupBy ?? null];
  const { rows } = await pool.query<
    Pick<Usage, 'at' | 'status' | 'endpoint' | 'requests' | 'bytes'> & { duration_ms: number; duration_max_ms: number }
  >(SELECT, values);
  return rows.map(({ duration_ms: durationMs, duration_max_ms: maxDurationMs, ...row }) => ({
    ...row,
    durationMs,
    maxDurationMs,
  }));
}

/** Requests of each key that made any, in the hours that begin at `since` or later. */
export async function selectRequestsByKey(pool: pg.Pool, since: Date): Promise<Map<number, number>> {
  const { rows } = await pool.query<{ api_key_id: number; requests: number }>(SELECT_BY_KEY, [since]);
  return new Map(rows.map(row => [row.api_key_id, row.requests]));
}
