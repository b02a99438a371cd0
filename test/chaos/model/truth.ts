import { setTimeout as sleep } from 'node:timers/promises';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { parseEpochs } from '@3cx-relay/shared/log/epochs.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { epochAt } from '@3cx-relay/shared/wire/position.ts';
import type pg from 'pg';

/** What is written, before anybody reads it; the body is made from it and from a number that is never given twice. */
export type Publication = { dn: string; event: string; call: string; padBytes: number };

/** An entry that was acknowledged, and the words in which every transport must tell it. */
export type Fact = {
  position: string;
  seq: number;
  epoch: string;
  text: string;
  attributes: Pick<NewEntry, 'type' | 'dn' | 'event' | 'call'>;
};

/**
 * What really happened to the log, kept beside the code under test: every entry that was acknowledged, and which
 * epochs were ever forgotten. Whether an entry is still held is asked of the stores themselves.
 */
export type Truth = {
  /** In the order of their positions. */
  readonly facts: readonly Fact[];
  readonly forgotten: ReadonlySet<string>;
  /** Positions of entries that a failover took, and whose numbers a later epoch gave out again. */
  readonly overwritten: ReadonlySet<string>;
  /** True when entries were taken from the log by a failover. */
  readonly wasRolledBack: boolean;
  /** True when history was dropped: a relay may go on for a while telling what it has still in memory. */
  readonly wasDropped: boolean;
  /** Position of the newest entry, as the log knows it. */
  head(): string;
  /** Positions of the entries that either store holds. */
  held(): Promise<ReadonlySet<string>>;
  publish(publications: readonly Publication[]): Promise<void>;
  publishElsewhere(): Promise<void>;
  dropHistory(percent: number): Promise<void>;
  loseLog(): Promise<void>;
  rollBack(entries: number, writer: 'lives' | 'amnesia'): Promise<void>;
  forgetMeta(): Promise<void>;
  flush(writer: 'lives' | 'amnesia'): Promise<void>;
};

export function createTruth(deps: { redis: Redis; keys: LogKeys; pool: pg.Pool }): Truth {
  const { redis, keys, pool } = deps;
  const [log, meta] = [keys.log('calls'), keys.meta('calls')];
  const facts: Fact[] = [];
  const forgotten = new Set<string>();
  const overwritten = new Set<string>();
  /** `isNew`: it begins with the gap that an ingest writes that was just started. */
  let writer = { id: 'writer-1', next: 1, known: 0, isNew: false };
  const elsewhere = { next: 1, known: 0 };
  let writers = 1;
  let published = 0;
  let wasRolledBack = false;
  let wasDropped = false;
  let head = '';

  async function forgetEpochs(): Promise<void> {
    for (const { epoch } of parseEpochs(await redis.hget(meta, 'epochs'))) forgotten.add(epoch);
  }

  /** Epochs are named after the millisecond: no server is emptied and asked again in the one in which an epoch began. */
  async function nextMoment(): Promise<void> {
    const last = facts.at(-1)?.epoch ?? '';
    while (epochAt(Date.now()) <= last) await sleep(1);
  }

  function remember(epoch: string, seq: number, entry: NewEntry): void {
    if (entry.type === 'gap') {
      rememberGap(epoch, seq, entry.body);
      return;
    }
    const position = positionOf(epoch, seq);
    const text = `{"type":"${entry.type}","id":"${position}",${entry.body.slice(1)}`;
    add({ position, seq, epoch, text, attributes: entry });
  }

  function add(fact: Fact): void {
    if (fact.position <= head) throw new Error(`${fact.position} was given after ${head}`);
    facts.push(fact);
    head = fact.position;
  }

  function forgetWriter(isNew: boolean): void {
    writers += 1;
    writer = { id: `writer-${writers}`, next: 1, known: 0, isNew };
  }

  return {
    facts,
    forgotten,
    overwritten,
    get wasRolledBack() {
      return wasRolledBack;
    },
    get wasDropped() {
      return wasDropped;
    },
    head: () => head,
    async held() {
      const bodies = new Map<number, string>();
      for (const [id, fields] of await redis.xrange(log, '-', '+')) {
        bodies.set(Number.parseInt(id, 10), fields[fields.indexOf('b') + 1] ?? '');
      }
      const { rows } = await pool.query<{ position: string }>(
        `SELECT epoch || '_' || lpad(seq::text, 16, '0') AS position FROM events WHERE channel = 'calls'`,
      );
      const stored = new Set(rows.map(({ position }) => position));
      const isHeld = ({ position, seq, text }: Fact) =>
        stored.has(position) || (bodies.has(seq) && text.endsWith(bodies.get(seq)?.slice(1) ?? ''));
      return new Set(facts.filter(isHeld).map(({ position }) => position));
    },
    async publish(publications) {
      const entries = publications.map(({ padBytes, ...attributes }): NewEntry => {
        published += 1;
        const at = Date.now();
        const body = `{"at":"${new Date(at).toISOString()}","event":"${attributes.event}","n":${published},"pad":"${'x'.repeat(padBytes)}"}`;
        return { type: 'call_event', at, body, ...attributes };
      });
      if (writer.isNew) entries.unshift(connectedAgain());
      const appended = await appendToLog(
        { redis, keys, channel: 'calls', run: writer.id },
        { writerId: writer.id, firstWriterSeq: writer.next, entries, highestKnownSeq: writer.known },
      );
      const { epoch, lastSeq } = appended;
      writer = { ...writer, next: writer.next + entries.length, known: lastSeq, isNew: false };
      const first = lastSeq - entries.length + 1;
      if (appended.beganEpoch) await rememberBegin(epoch, first);
      for (const [index, entry] of entries.entries()) remember(epoch, first + index, entry);
    },
    async publishElsewhere() {
      const at = Date.now();
      const entries = [{ type: 'health', at, body: `{"at":"${new Date(at).toISOString()}","data":{}}` }];
      const { lastSeq } = await appendToLog(
        { redis, keys, channel: 'health' },
        { writerId: 'elsewhere', firstWriterSeq: elsewhere.next, entries, highestKnownSeq: elsewhere.known },
      );
      elsewhere.next += 1;
      elsewhere.known = lastSeq;
    },
    async dropHistory(percent) {
      wasDropped = true;
      await pool.query(
        `DELETE FROM events WHERE channel = 'calls' AND (epoch, seq) IN (
           SELECT epoch, seq FROM events WHERE channel = 'calls' ORDER BY epoch, seq
           LIMIT (SELECT ceil(count(*) * $1::int / 100.0) FROM events WHERE channel = 'calls'))`,
        [percent],
      );
    },
    async loseLog() {
      await redis.del(log);
    },
    async rollBack(entries, kind) {
      const epochs = parseEpochs(await redis.hget(meta, 'epochs'));
      const first = epochs.at(-1)?.first ?? 1;
      const stream = (await redis.xrange(log, '-', '+')).map(([id]) => Number.parseInt(id, 10));
      // As far as its own epoch goes: what was before it is another story.
      const gone = stream.filter(seq => seq > first).slice(-entries);
      const last = stream.findLast(seq => seq < (gone[0] ?? 0));
      if (last === undefined) return;
      wasRolledBack = true;
      const writerSeq = writer.next - 1 - gone.length;
      await redis
        .multi()
        .xdel(log, ...gone.map(seq => `${seq}-0`))
        .call('XSETID', log, `${last}-0`)
        .hset(meta, 'seq', String(last))
        .set(keys.writer('calls', writer.id), `${writerSeq}:${last}`)
        .exec();
      if (kind === 'lives') return;
      // Of a server that is not this one: it took over.
      await redis.hset(meta, 'server', 'f'.repeat(40));
      forgetWriter(true);
    },
    async forgetMeta() {
      await forgetEpochs();
      await nextMoment();
      await redis.del(meta);
    },
    async flush(kind) {
      await forgetEpochs();
      await redis.del(log, meta, keys.writer('calls', writer.id));
      await nextMoment();
      if (kind === 'amnesia') forgetWriter(false);
    },
  };

  /** Of an epoch that began with this append: what it gave out again, and the gap that the log itself wrote in front. */
  async function rememberBegin(epoch: string, first: number): Promise<void> {
    const own = parseEpochs(await redis.hget(meta, 'epochs')).at(-1)?.first ?? first;
    for (const fact of facts) if (fact.seq >= own && !forgotten.has(fact.epoch)) overwritten.add(fact.position);
    if (own === first) return;
    const [gap] = await redis.xrange(log, `${own}-0`, `${own}-0`);
    const body = gap?.[1][gap[1].indexOf('b') + 1];
    if (body !== undefined) rememberGap(epoch, own, body);
  }

  function rememberGap(epoch: string, seq: number, body: string): void {
    const position = positionOf(epoch, seq);
    // Whose epoch the number before it had is for the log to say.
    const text = `"before":"${position}",${body.slice(1)}`;
    add({ position, seq, epoch, text, attributes: { type: 'gap' } });
  }
}

/** What ingest writes when it is connected again. */
function connectedAgain(): NewEntry {
  const at = Date.now();
  const body = `{"at":"${new Date(at).toISOString()}","lost":null,"reason":"pbx_disconnected"}`;
  return { type: 'gap', at, body };
}

function positionOf(epoch: string, seq: number): string {
  return `${epoch}_${String(seq).padStart(16, '0')}`;
}
