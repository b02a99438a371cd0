import type { System } from './system.ts';

/** What the simulator says it sent. */
type Frame = { n: number; at: number; delivered: boolean; frame: object | null; raw?: string; encoding?: string };

/** An entry of `calls`, as far as a comparison needs it. */
export type LoggedEntry = { id: string; type: string; body: string };

export async function framesSent(system: System): Promise<Frame[]> {
  const frames: Frame[] = [];
  let after = 0;
  for (;;) {
    const page = await system.sim<{ frames: Frame[]; next: number }>('GET', `/sim/frames?after=${after}&limit=10000`);
    if (page.frames.length === 0) return frames;
    frames.push(...page.frames);
    after = page.next;
  }
}

export async function entriesLogged(system: System): Promise<LoggedEntry[]> {
  const entries: LoggedEntry[] = [];
  let from = '-';
  for (;;) {
    const page = await system.redis.xrange(system.keys.log('calls'), from, '+', 'COUNT', 5_000);
    for (const [id, [, type = '', , , , body = '']] of page) entries.push({ id, type, body });
    const last = page.at(-1)?.[0];
    if (last === undefined || page.length < 5_000) return entries;
    from = `(${last}`;
  }
}

/** Garbage that happens to be JSON: it may be in the log, and what it says is nobody's. */
function garbageIn(frames: readonly Frame[]): ReadonlySet<string> {
  const texts = new Set<string>();
  for (const { raw, encoding } of frames) {
    if (raw === undefined || encoding === 'base64') continue;
    try {
      texts.add(JSON.stringify(JSON.parse(raw)));
    } catch {
      // Not even JSON: it can be in no entry.
    }
  }
  return texts;
}

/** The frame in an entry's body, or null when no frame caused it. */
function frameIn(entry: LoggedEntry): string | null {
  const { data } = JSON.parse(entry.body) as { data?: object | null };
  return data ? JSON.stringify(data) : null;
}

export type Comparison = {
  framesDelivered: number;
  framesLogged: number;
  /** Frames that were delivered, are not in the log, and lie at no gap. */
  missing: number[];
  /** Entries whose frame the simulator did not send, or not at this place: doubled, invented or out of order. */
  unexpected: string[];
};

/**
 * Walks frames and log side by side: the log must hold the delivered frames in order; a run of them may be absent only
 * where a gap entry stands at that very place, and only as far as that says: what the PBX sent before it began, and to the
 * connection that ended it, is in the log, and of a log that lost entries no more are absent than it says.
 */
export function compare(frames: readonly Frame[], entries: readonly LoggedEntry[]): Comparison {
  const delivered = frames.filter(({ frame, delivered: isDelivered }) => isDelivered && frame !== null);
  const result: Comparison = {
    framesDelivered: delivered.length,
    framesLogged: 0,
    missing: [],
    unexpected: [],
  };
  const garbage = garbageIn(frames);
  const texts = delivered.map(({ frame }) => JSON.stringify(frame));
  let next = 0;
  /** The gaps that stand at this place. */
  let here: Gap[] = [];
  const leaveOut = (end: number) => {
    const left = delivered.slice(next, end).filter(({ at }) => !isExcused(here, at));
    result.missing.push(...left.map(({ n }) => n));
    here = [];
  };
  for (const entry of entries) {
    if (entry.type === 'gap') {
      here.push(readGap(entry));
      continue;
    }
    const text = frameIn(entry);
    if (text === null) continue;
    result.framesLogged += 1;
    if (texts[next] === text) {
      next += 1;
      here = [];
      continue;
    }
    const found = texts.indexOf(text, next);
    if (found === -1) {
      if (garbage.has(text)) continue;
      result.unexpected.push(`${entry.id} ${text}`);
      continue;
    }
    leaveOut(found);
    next = found + 1;
  }
  leaveOut(delivered.length);
  return result;
}

/** What was sent between these times, Unix ms, may be absent, and as much of it as is left. */
type Gap = { from: number; to: number; left: number };

/**
 * A gap of the PBX's connection says from when until when; the first of all has no beginning. One of the log was written
 * when that was found out, and says how many are gone if it knows.
 */
function readGap({ body }: LoggedEntry): Gap {
  const { at, from, to, lost } = JSON.parse(body) as { at: string; from?: string; to?: string; lost?: number | null };
  return {
    from: from === undefined ? 0 : Date.parse(from),
    to: Date.parse(to ?? at),
    left: lost ?? Number.POSITIVE_INFINITY,
  };
}

function isExcused(gaps: readonly Gap[], at: number): boolean {
  const gap = gaps.find(({ from, to, left }) => left > 0 && from <= at && at <= to);
  if (gap) gap.left -= 1;
  return gap !== undefined;
}
