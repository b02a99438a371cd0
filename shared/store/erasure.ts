import type pg from 'pg';
import type { Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import { loadSql } from './sql.ts';

/** The statements of the right to be forgotten; when each of them runs is the matter of the worker's erasure. */
const REPLACE_BODIES = loadSql('replace-event-bodies');
const ERASE_CALLS = loadSql('erase-call-number');
const ERASE_POSTINGS = loadSql('erase-number-postings');
const SELECT_EVENTS = loadSql('select-events-with-digits');
const SELECT_ERRORS = loadSql('select-errors-with-digits');
const REPLACE_ERRORS = loadSql('replace-error-texts');
const SELECT_LETTERS = loadSql('select-dead-letters-with-digits');
const REPLACE_LETTERS = loadSql('replace-dead-letters');

type Querying = pg.Pool | pg.ClientBase;

export interface EventBody extends LogPosition {
  readonly body: string;
}

export async function replaceEventBodies(
  client: Querying,
  channel: Channel,
  bodies: readonly EventBody[],
): Promise<void> {
  if (bodies.length > 0) await client.query(REPLACE_BODIES, [channel, JSON.stringify(bodies)]);
}

/** Returns how many calls there were. */
export async function eraseCallNumber(client: Querying, key: string, alias: string): Promise<number> {
  return (await client.query(ERASE_CALLS, [key, alias])).rowCount ?? 0;
}

export async function eraseNumberPostings(client: Querying, key: string): Promise<void> {
  await client.query(ERASE_POSTINGS, [key]);
}

/** Bodies in which the digits occur, in order; some may only look like it. */
export async function selectEventsWithDigits(
  client: Querying,
  channel: Channel,
  page: { digits: string; after: LogPosition; limit: number },
): Promise<EventBody[]> {
  const { digits, after, limit } = page;
  const { rows } = await client.query<EventBody>(SELECT_EVENTS, [channel, digits, after.epoch, after.seq, limit]);
  return rows;
}

export interface ErrorText {
  readonly id: number;
  readonly message: string;
  /** JSON. */
  readonly details: string | null;
}

export async function selectErrorsWithDigits(
  client: Querying,
  page: { digits: string; after: number; limit: number },
): Promise<ErrorText[]> {
  return (await client.query<ErrorText>(SELECT_ERRORS, [page.digits, page.after, page.limit])).rows;
}

export async function replaceErrorTexts(client: Querying, texts: readonly ErrorText[]): Promise<void> {
  if (texts.length > 0) await client.query(REPLACE_ERRORS, [JSON.stringify(texts)]);
}

export interface LetterBody {
  readonly id: number;
  readonly body: Buffer;
}

export async function selectLettersWithDigits(
  client: Querying,
  page: { digits: string; after: number; limit: number },
): Promise<LetterBody[]> {
  return (await client.query<LetterBody>(SELECT_LETTERS, [page.digits, page.after, page.limit])).rows;
}

export async function replaceLetterBodies(client: Querying, letters: readonly LetterBody[]): Promise<void> {
  if (letters.length === 0) return;
  await client.query(REPLACE_LETTERS, [letters.map(({ id }) => id), letters.map(({ body }) => body)]);
}
