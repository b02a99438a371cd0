import fc from 'fast-check';
import { isFull } from '../extent.ts';
import { RELAYS } from './log-world.ts';
import { type FilterQuery, TRANSPORTS } from './transports.ts';
import type { Publication } from './truth.ts';

/** What may happen to a log and its clients. Clients are meant by their number, whatever their transport. */
export type Command =
  | { do: 'publish'; publications: readonly Publication[] }
  | { do: 'publish elsewhere'; times: number }
  | { do: 'persist' }
  | { do: 'trim'; keep: number }
  | { do: 'drop history'; percent: number }
  | { do: 'cut' | 'connect'; client: number }
  | { do: 'stall'; client: number; isStalled: boolean }
  | { do: 'refilter'; client: number; filter: FilterQuery }
  | { do: 'restart'; relay: number }
  | { do: 'lose log' }
  /** `next`: who finds out, a writer that knows better, or one that knows nothing, told by PostgreSQL before or not. */
  | { do: 'roll back'; entries: number; next: 'lives' | 'recall' | 'append'; afterMs: number }
  | { do: 'forget meta'; next: 'recall' | 'append' }
  | { do: 'flush'; next: 'recall' | 'append' | 'amnesia' }
  | ComeBack
  | { do: 'check' }
  | { do: 'compare transports'; fromPercent: number; filter: FilterQuery };

/**
 * Everybody comes back to many pages that only PostgreSQL has, in front of more than a ring holds, and what is being read
 * is taken away: one by one such steps hardly ever meet.
 */
export type ComeBack = {
  do: 'come back';
  publications: readonly Publication[];
  times: number;
  /** From when the first of them got something. */
  afterMs: number;
  /** Entries that Redis keeps. */
  keep: number;
  meanwhile: 'drop history' | 'amnesia';
};

const DNS = ['100', '101', '102'];
const EVENTS = ['call.started', 'call.ringing', 'call.ended'];
const CALLS = ['c1', 'c2'];

const client = fc.nat({ max: Object.keys(TRANSPORTS).length - 1 });
const some = (values: readonly string[]) => fc.subarray([...values], { minLength: 1 }).map(chosen => chosen.join(','));
const filter = fc.oneof(
  { weight: 2, arbitrary: fc.constant<FilterQuery>({}) },
  {
    weight: 3,
    arbitrary: fc.record(
      { dn: some(DNS), event: some(EVENTS), call: some(CALLS) },
      { requiredKeys: [] },
    ) as fc.Arbitrary<FilterQuery>,
  },
);

const publication: fc.Arbitrary<Publication> = fc.record({
  dn: some(DNS),
  event: some(EVENTS),
  call: fc.constantFrom(...CALLS),
  // Rings, writes and pages end in the middle of these; every length of a frame's header occurs.
  padBytes: fc.oneof(
    { weight: 6, arbitrary: fc.nat({ max: 400 }) },
    { weight: 3, arbitrary: fc.integer({ min: 5_000, max: 25_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 65_000, max: 90_000 }) },
  ),
});
const publish: fc.Arbitrary<Command> = fc
  .array(publication, { minLength: 1, maxLength: 35 })
  .map(publications => ({ do: 'publish', publications }));
const comeBack: fc.Arbitrary<ComeBack> = fc.record({
  do: fc.constant('come back' as const),
  publications: fc.array(publication, { minLength: 15, maxLength: 35 }),
  times: fc.integer({ min: 5, max: 15 }),
  afterMs: fc.nat({ max: 20 }),
  keep: fc.nat({ max: 40 }),
  meanwhile: fc.constantFrom('drop history' as const, 'amnesia' as const),
});
const next = fc.constantFrom('recall' as const, 'append' as const);

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 14, arbitrary: publish },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('publish elsewhere' as const), times: fc.nat({ max: 20 }) }) },
  { weight: 5, arbitrary: fc.constant<Command>({ do: 'persist' }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('trim' as const), keep: fc.nat({ max: 40 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('drop history' as const),
      percent: fc.integer({ min: 5, max: 100 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'connect' as const), client }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('stall' as const), client, isStalled: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('refilter' as const), client, filter }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), relay: fc.nat({ max: RELAYS - 1 }) }) },
  { weight: 1, arbitrary: fc.constant<Command>({ do: 'lose log' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('roll back' as const),
      entries: fc.integer({ min: 1, max: 40 }),
      next: fc.constantFrom('lives' as const, 'recall' as const, 'append' as const),
      // Relays come back meanwhile, or not.
      afterMs: fc.nat({ max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget meta' as const), next }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('flush' as const),
      next: fc.constantFrom('recall' as const, 'append' as const, 'amnesia' as const),
    }),
  },
  // So much is not for the quick run: on a busy machine a client with a heartbeat of 200 ms does not get through it.
  ...(isFull ? [{ weight: 2, arbitrary: comeBack }] : []),
  { weight: 2, arbitrary: fc.constant<Command>({ do: 'check' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('compare transports' as const),
      fromPercent: fc.integer({ min: 0, max: 100 }),
      filter,
    }),
  },
);

export type Story = { filters: readonly FilterQuery[]; commands: readonly Command[] };

/** The filters that clients begin with, one for each transport, and what happens then, in so many steps. */
export function storyOf(steps: { least: number; most: number }): fc.Arbitrary<Story> {
  const transports = Object.keys(TRANSPORTS).length;
  return fc.record({
    filters: fc.array(filter, { minLength: transports, maxLength: transports }),
    commands: fc.array(command, { minLength: steps.least, maxLength: steps.most, size: 'max' }),
  });
}
