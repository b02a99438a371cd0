import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../harness/wait-for.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx } from '../integration/fixtures/awkward-pbx.ts';
import { extent } from './extent.ts';
import { report } from './row.ts';

/**
 * R7. What comes over the socket of the PBX, generated: frames with fields missing, of other types, of the future, broken off,
 * and texts that are no JSON. Must hold: each is in the log once, in order, as it was; or it is counted as an error.
 * FUZZ_CASES: how many; FUZZ_SEED: which.
 */
const count = Math.min(Number(process.env.FUZZ_CASES ?? extent({ quick: 600, full: 50_000 })), 50_000);
const seed = Number(process.env.FUZZ_SEED ?? extent({ quick: 1, full: randomInt(2 ** 30) }));
const AT_ONCE = 200;

const text = fc.string({ unit: 'binary', maxLength: 30 });
const value = fc.oneof({ maxDepth: 2 }, fc.jsonValue({ maxDepth: 2 }), text);
const entity = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('101', '999', 'a%20b', '%ff', '..', ''),
      fc.constantFrom('participants', 'devices', 'queues', ''),
      fc.oneof(
        fc.nat(5).map(String),
        fc.constantFrom('-1', '1e3', '9'.repeat(15), '9'.repeat(16), 'sip%3A1%401', ''),
        text,
      ),
    )
    .map(parts => `/callcontrol/${parts.join('/')}`),
  value,
);
const event = fc.record(
  {
    event_type: fc.oneof({ weight: 6, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.oneof(fc.double(), value) }),
    entity,
    attached_data: fc.oneof(fc.constantFrom(null, { dtmf_input: '5#' }, '{"dtmf_input":1}'), value),
    newer: value,
  },
  { requiredKeys: [] },
);
const frame = fc.record(
  { sequence: fc.oneof(fc.integer(), value), event: fc.oneof({ weight: 8, arbitrary: event }, value), newer: value },
  { requiredKeys: [] },
);
const whole = fc
  .tuple(frame, fc.constantFrom(undefined, 1, '\r\n'))
  .map(([content, space]) => JSON.stringify(content, null, space));
const cut = fc
  .tuple(whole, fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([json, at]) => json.slice(0, json.length * at));
const frameText = fc.oneof(
  { weight: 6, arbitrary: whole },
  { weight: 2, arbitrary: cut },
  { weight: 2, arbitrary: fc.json().map(json => `{"event":${json}}`) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: text },
);

let pbx: AwkwardPbx;

beforeAll(async () => {
  pbx = await createAwkwardPbx();
  await pbx.start();
  await pbx.connected();
});
afterAll(() => pbx.stop());

/** What a client may expect as `data`, or undefined for what is no frame. */
function meaningOf(sent: string): unknown {
  try {
    // A socket carries UTF-8: half of a character becomes its replacement on the way.
    const meant = JSON.parse(Buffer.from(sent).toString());
    return typeof meant.event.event_type === 'number' && !Array.isArray(meant) ? meant : undefined;
  } catch {
    return undefined;
  }
}

test(`${count} generated frames are in the log, in order and unchanged, or counted as unreadable, and calls go on`, {
  timeout: 60_000 + count * 10,
}, async () => {
  const since = performance.now();
  const texts = fc.sample(frameText, { numRuns: count, seed });
  const meanings = texts.map(meaningOf).filter(meaning => meaning !== undefined);
  expect(meanings.length).toBeGreaterThan(count / 4);
  const written = () => pbx.redis.xlen(pbx.keys.log('calls'));
  const before = await written();
  for (let at = 0; at < count; at += AT_ONCE) {
    await pbx.fault({ kind: 'garbage', texts: texts.slice(at, at + AT_ONCE) });
  }
  // Behind so many frames a call would be over before anybody could ask about it.
  await waitFor(async () => (await written()) - before >= meanings.length, {
    what: `all ${meanings.length} frames to be written`,
    timeoutMs: 30_000 + count * 2,
  });

  const call = await pbx.play({ scenario: 'inbound', dn: '101', ringMs: ASKED_MS, talkMs: ASKED_MS });
  expect(await pbx.ended(call)).toMatchObject({ disposition: 'answered' });
  expect(await pbx.sockets()).toBe(1);

  const ownFrames = (await pbx.frames()).filter(({ delivered, raw }) => delivered && raw === undefined);
  const logged = (await pbx.logged()).map(each => JSON.stringify(each));
  // Those of the call come on top.
  const ofCall = new Set(ownFrames.map(({ frame }) => JSON.stringify(frame)));
  expect(logged.filter(each => !ofCall.has(each))).toEqual(meanings.map(each => JSON.stringify(each)));

  const unreadable = await waitFor(
    async () => {
      const told = (await pbx.told()).filter(({ message }) => message.includes('cannot be read'));
      const sum = told.reduce((all, error) => all + 1 + Number((error as { suppressed?: number }).suppressed ?? 0), 0);
      return sum >= count - meanings.length && sum;
    },
    { what: 'every unreadable frame to be counted', timeoutMs: 30_000 },
  );
  const kept = logged.filter(each => !ofCall.has(each)).length;
  await report({
    ...{ fault: 'R7 PBX frames', load: `${count} frames`, seconds: Math.round((performance.now() - since) / 1_000) },
    ...{ sent: meanings.length, logged: kept, delivered: null, duplicated: 0, missing: meanings.length - kept },
    ...{ gaps: 0, healMs: null, note: `${unreadable} unreadable ones are counted` },
  });
  expect(unreadable).toBe(count - meanings.length);
});
