import type { ReadingClient, Segment } from './reading-client.ts';
import type { FilterQuery } from './transports.ts';
import type { Fact, Truth } from './truth.ts';

type Gap = { after: string | null; before: string | null; lost: number | null; reason: string };

/**
 * Whether a client was told everything once, in order, and of what it was not told, the truth. What may be missing
 * between two entries is only what no store holds, and only where a gap stands.
 */
export function judge(client: ReadingClient, truth: Truth, held: ReadonlySet<string>): string[] {
  const wrong: string[] = [];
  const places = new Map(truth.facts.map(({ position }, index) => [position, index]));
  let last = '';
  /** Of the facts the first behind `last`. */
  let behind = 0;
  let gaps: Gap[] = [];

  const closeRun = (next: Fact | null, segments: readonly Segment[]) => {
    const end = next?.position ?? `${client.place}~`;
    for (let index = behind; index < truth.facts.length; index += 1) {
      const fact = truth.facts[index];
      if (!fact || fact.position >= end) break;
      if (!passes(fact, segments) || isExcused(fact, next)) continue;
      const told = gaps.length === 0 ? 'no gap' : JSON.stringify(gaps);
      wrong.push(`${fact.position} is missing between ${last || 'the start'} and ${end}, with ${told}`);
    }
    gaps = [];
  };
  const isExcused = (fact: Fact, next: Fact | null) => {
    if (isReachable(fact, truth, held)) return false;
    const isBeforeEpoch = next?.attributes.type === 'gap' && fact.epoch < next.epoch;
    return last === '' || isBeforeEpoch || gaps.some(gap => covers(gap, fact, truth.facts));
  };

  for (const [index, { text, position }] of client.told.entries()) {
    if (position === null) {
      wrong.push(...untruthsOf(text, truth, held));
      gaps.push(JSON.parse(text) as Gap);
      continue;
    }
    const place = places.get(position);
    const fact = place === undefined ? undefined : truth.facts[place];
    if (place === undefined || !fact) {
      wrong.push(`${position} was never written: ${text.slice(0, 200)}`);
      continue;
    }
    if (position <= last) wrong.push(`${position} came after ${last}`);
    if (!text.endsWith(fact.text)) wrong.push(`${position} is told as ${text.slice(0, 200)}`);
    const segments = client.segments.filter(({ told }) => told <= index);
    if (!passes(fact, segments)) wrong.push(`${position} does not match ${JSON.stringify(segments)}`);
    closeRun(fact, segments);
    last = position;
    behind = place + 1;
  }
  if (client.place !== 'start') closeRun(null, client.segments);
  return wrong.slice(0, 10);
}

/** What a gap that is told to one reader says, against what the stores hold. */
export function untruthsOf(told: string, truth: Truth, held: ReadonlySet<string>): string[] {
  const gap = JSON.parse(told) as Gap;
  switch (gap.reason) {
    case 'retention': {
      const between = truth.facts.filter(fact => isWithin(gap, fact, truth.facts));
      const there = between.filter(fact => isReachable(fact, truth, held)).map(({ position }) => position);
      if (there.length > 0) return [`${told}, but ${there.join()} are held`];
      if (gap.after === null || gap.before === null) return [];
      const numbers = Number(gap.before.slice(9)) - Number(gap.after.slice(9)) - 1;
      return numbers === gap.lost ? [] : [`${told}, but ${numbers} are missing`];
    }
    case 'log_reset':
      return truth.forgotten.size > 0 || truth.overwritten.size > 0 ? [] : [`${told}, but no epoch was ever forgotten`];
    case 'log_rolled_back':
      return truth.wasRolledBack || truth.forgotten.size > 0 ? [] : [`${told}, but nothing was rolled back`];
    default:
      return [`${told} has no reason`];
  }
}

/** Whether who asks must get it: numbers that were given out again lead to what has them now. */
export function isReachable({ position, epoch }: Fact, truth: Truth, held: ReadonlySet<string>): boolean {
  return held.has(position) && !truth.forgotten.has(epoch) && !truth.overwritten.has(position);
}

function covers(gap: Gap, fact: Fact, facts: readonly Fact[]): boolean {
  const { position, epoch } = fact;
  if (gap.reason !== 'retention') return gap.before === null || position < gap.before || epoch < gap.before.slice(0, 8);
  return isWithin(gap, fact, facts);
}

/**
 * A hole that reaches up to the head has nothing behind it: then its length says where it ends, over the beginnings of
 * epochs, too, as long as their numbers go on from those before.
 */
function isWithin({ after, before, lost }: Gap, { position, seq }: Fact, facts: readonly Fact[]): boolean {
  if (position <= (after ?? '')) return false;
  if (before !== null) return position < before;
  if (after === null || lost === null) return true;
  const last = Number(after.slice(9));
  const between = facts.filter(fact => fact.position > after && fact.position <= position).map(fact => fact.seq);
  const hasBegunAgain = between.some((number, index) => number <= (between[index - 1] ?? last));
  return !hasBegunAgain && seq <= last + lost;
}

function passes(fact: Fact, segments: readonly Segment[]): boolean {
  const segment = segments.findLast(({ from }) => from === 'start' || from < fact.position);
  return segment !== undefined && matches(fact, segment.filter);
}

/** Told again, independently of the relay: every filter given must match, any of its values, any value of the entry. */
export function matches({ attributes }: Fact, filter: FilterQuery): boolean {
  if (attributes.type === 'gap') return true;
  const values = { dn: attributes.dn, event: attributes.event, call: attributes.call };
  return Object.entries(filter).every(([name, wanted]) => {
    const own = values[name as keyof FilterQuery]?.split(',') ?? [];
    return wanted.split(',').some((value: string) => own.includes(value));
  });
}
