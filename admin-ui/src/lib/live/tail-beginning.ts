import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogMessage } from '@3cx-relay/shared/wire/messages.ts';
import type { AdminApi } from '../api/admin-api.ts';
import type { TailQuery } from './tail-query.ts';
import { type TailRow, toTailRow } from './tail-row.ts';

/** What the tail shows first, and from where it goes on. */
export interface Beginning {
  /** Earliest first. */
  readonly rows: readonly TailRow[];
  /** Where each channel goes on; one that is not named is read from its start. */
  readonly positions: ReadonlyMap<Channel, string>;
  /** Whether what follows is of now, but for the moment that reading took. */
  readonly isOfNow: boolean;
  /** Channels that have more before the rows. */
  readonly cutOff: ReadonlySet<Channel>;
  /** The entry that was linked to. */
  readonly openKey: string | null;
}

interface Page {
  readonly events: readonly LogMessage[];
  readonly next: string | null;
  readonly head: string | null;
  readonly more: boolean;
}

const ROWS = 200;
/** A text is looked for in so many, for the relay does not look for it. */
const ROWS_WITH_TEXT = 1_000;
const ROWS_BEFORE_ENTRY = 50;
const ROWS_FROM_ENTRY = 150;

/** @throws AdminProblem */
export async function readBeginning(api: AdminApi, query: TailQuery, signal: AbortSignal): Promise<Beginning> {
  const { start, channels } = query;
  if (start.at === 'now') return readNewest(api, query, signal);
  const channel = channels[0] ?? 'calls';
  const read = (more: object) => readPage(api, { channel, ...more }, signal);
  if (start.at === 'entry') {
    const before = await read({
      ...filters(query, channel),
      before: start.id,
      order: 'desc',
      limit: ROWS_BEFORE_ENTRY,
    });
    const from = await read({ after: before.events[0]?.id ?? 'start', limit: ROWS_FROM_ENTRY });
    // Whatever the filters: what was linked to is shown.
    const entry = from.events.find(({ id }) => id === start.id);
    const asked = entry ? rowsOf([entry], { ...query, text: '', event: ['health.sample'] }) : [];
    const rows = [...rowsOf(before.events.toReversed(), query), ...asked];
    return {
      rows,
      ...{ positions: new Map([[channel, start.id]]), isOfNow: false },
      cutOff: new Set(before.more ? [channel] : []),
      openKey: asked[0]?.key ?? null,
    };
  }
  const position =
    start.at === 'position'
      ? start.position
      : (await read({ to: new Date(start.time - 1), order: 'desc', limit: 1 })).events[0]?.id;
  return {
    rows: [],
    positions: new Map(position ? [[channel, position]] : []),
    ...{ isOfNow: false, cutOff: new Set(position ? [channel] : []), openKey: null },
  };
}

async function readNewest(api: AdminApi, query: TailQuery, signal: AbortSignal): Promise<Beginning> {
  const limit = query.text === '' ? ROWS : ROWS_WITH_TEXT;
  const pages = await Promise.all(
    query.channels.map(async channel => {
      const page = await readPage(api, { channel, order: 'desc', limit, ...filters(query, channel) }, signal);
      return { channel, ...page };
    }),
  );
  return {
    rows: mergeByTime(pages.map(({ events }) => rowsOf(events.toReversed(), query))),
    positions: new Map(pages.flatMap(({ channel, head }) => (head === null ? [] : [[channel, head] as const]))),
    isOfNow: true,
    cutOff: new Set(pages.flatMap(({ channel, more }) => (more ? [channel] : []))),
    openKey: null,
  };
}

/** Of several channels only the times say what came first. Within one its own order does, whatever the clock was then. */
function mergeByTime(channels: readonly (readonly TailRow[])[]): TailRow[] {
  const left = channels.map(rows => rows.toReversed());
  const merged: TailRow[] = [];
  for (;;) {
    const [earliest] = left.filter(rows => rows.length > 0).sort((a, b) => atOfNext(a) - atOfNext(b));
    const row = earliest?.pop();
    if (!row) return merged;
    merged.push(row);
  }
}

function atOfNext(rows: readonly TailRow[]): number {
  return rows.at(-1)?.at ?? Number.POSITIVE_INFINITY;
}

function filters({ event, dn, call }: TailQuery, channel: Channel): Record<string, string> {
  const wanted = channel === 'health' && event.length === 0 ? ['health.state_change'] : event;
  return { event: wanted.join(), dn: dn.join(), call: call.join() };
}

function rowsOf(items: readonly LogMessage[], query: TailQuery): TailRow[] {
  return items.flatMap(item => toTailRow(item, query, Date.now()) ?? []);
}

function readPage(api: AdminApi, query: Record<string, unknown>, signal: AbortSignal): Promise<Page> {
  return api.get<Page>('relay/events', query as Parameters<AdminApi['get']>[1], signal);
}
