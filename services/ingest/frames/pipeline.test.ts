import { ErrorWriter } from '@3cx-relay/shared/errors/error-writer.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recordSpans } from '../../../test/harness/recorded-spans.ts';
import { CallModel } from '../call-model/call-model.ts';
import type { EntityOutcome } from '../pbx/callcontrol/callcontrol-api.ts';
import { parseParticipant } from '../pbx/callcontrol/participant.ts';
import { Enricher } from './enrich.ts';
import { EVENT_DTMF, EVENT_REMOVE, EVENT_UPSERT, parseFrame } from './frame.ts';
import { OrderedWindow } from './ordered-window.ts';
import { Pipeline } from './pipeline.ts';

const GRACE_MS = 2_000;
/** Longer than the retries of a GET that failed. */
const DEADLINE_MS = 5_000;
const T0 = Date.UTC(2026, 2, 2);

let written: { channel: Channel; entry: NewEntry; body: Record<string, unknown> }[];
let unresolved: string[];
/** What the PBX answers at once; a participant that is not in here is gone. */
let present: Map<string, object>;
let answer: ((of: { dn: string; id: number }) => Promise<EntityOutcome>) | null;
let window: OrderedWindow;
let pipeline: Pipeline;
let line: Promise<void>;

beforeEach(() => create(100));
afterEach(() => pipeline.stop());

function create(maxFrames: number, { graceMs = GRACE_MS, deadlineMs = DEADLINE_MS } = {}): void {
  written = [];
  unresolved = [];
  present = new Map();
  answer = null;
  const registry = createMetrics('test');
  window = new OrderedWindow({ registry });
  const get = async (of: { dn: string; id: number }): Promise<EntityOutcome> => {
    if (answer) return answer(of);
    const participant = parseParticipant(present.get(`${of.dn}/${of.id}`), of);
    return participant ? { kind: 'found', participant } : { kind: 'gone' };
  };
  line = Promise.resolve();
  pipeline = new Pipeline(
    { maxFrames, getDeadlineMs: deadlineMs, graceMs, sameMomentMs: 3_000 },
    {
      model: new CallModel({ graceMs }),
      window,
      enricher: new Enricher({ concurrency: 4, deadlineMs }, { get, registry }),
      write: (channel, entry) => written.push({ channel, entry, body: JSON.parse(entry.body) }),
      onUnresolved: reason => unresolved.push(reason),
      lineAnswers: () => line,
      errors: new ErrorWriter({
        service: 'ingest',
        write: entry => written.push({ channel: 'errors', entry, body: JSON.parse(entry.body) }) > 0,
      }),
      registry,
    },
  );
}

function frame(eventType: number, entity: string, at: number, attached: object | null = null): void {
  const parsed = parseFrame(
    JSON.stringify({ sequence: 1, event: { event_type: eventType, entity, attached_data: attached } }),
  );
  if ('frame' in parsed) pipeline.accept(parsed.frame, at);
}

const ENTITY = '/callcontrol/101/participants/1';
const participant = (more: object = {}) => ({
  id: 1,
  callid: 7,
  legid: 1,
  status: 'Ringing',
  party_dn_type: 'Wexternalline',
  party_caller_id: '+49',
  ...more,
});

describe('a frame', () => {
  test('is the beginning of a trace where somebody traces, and only there', async () => {
    present.set('101/1', participant());
    const recorded = recordSpans();
    try {
      frame(EVENT_UPSERT, ENTITY, T0);
      frame(EVENT_UPSERT, '/callcontrol/101/devices/x', T0);
      await window.drained();
    } finally {
      recorded.stop();
    }
    frame(EVENT_REMOVE, ENTITY, T0 + 1);
    await window.drained();
    const ids = recorded.spans.map(({ context }) => `00-${context.traceId}-${context.spanId}-01`);
    expect(written.map(({ entry }) => entry.trace)).toEqual([...ids, undefined]);
    expect(recorded.spans.map(({ name, isEnded }) => [name, isEnded])).toEqual([
      ['pbx.frame', true],
      ['pbx.frame', true],
    ]);
  });

  test('that was the last of a call lets it end only when the line has answered since', async () => {
    const answer = Promise.withResolvers<void>();
    create(100, { graceMs: 20 });
    line = answer.promise;
    present.set('101/1', participant());
    frame(EVENT_UPSERT, ENTITY, Date.now());
    await window.drained();
    frame(EVENT_REMOVE, ENTITY, Date.now());
    await window.drained();
    await sleep(200);
    expect(written).toHaveLength(2);
    answer.resolve();
    await expect.poll(() => written.length).toBe(3);
    expect(written[2]).toMatchObject({ entry: { event: 'call.ended' }, body: { origin: 'grace' } });
  });

  test('that comes after the grace finds the old call ended, even when the timer is late', async () => {
    present.set('101/1', participant());
    frame(EVENT_UPSERT, ENTITY, T0);
    await window.drained();
    frame(EVENT_REMOVE, ENTITY, T0 + 10);
    present.set('101/2', participant({ id: 2 }));
    frame(EVENT_UPSERT, '/callcontrol/101/participants/2', T0 + 10 + GRACE_MS);
    await window.drained();
    expect(written.map(({ entry }) => entry.event)).toEqual([
      'call.started,call.ringing',
      'call.updated',
      'call.ended',
      'call.started,call.ringing',
    ]);
    expect(written[2]).toMatchObject({ entry: { dn: '101' }, body: { data: null, origin: 'grace' } });
    expect(written[3]?.entry.call).not.toBe(written[0]?.entry.call);
  });

  test('carries what filters need, its call and the change of the state', async () => {
    present.set('101/1', participant());
    frame(EVENT_UPSERT, ENTITY, T0);
    await window.drained();
    expect(written[0]?.entry).toMatchObject({
      type: 'call_event',
      at: T0,
      dn: '101',
      call: expect.stringMatching(/^[0-9a-z]{8}-7$/),
    });
    expect(written[0]?.entry.state?.map(({ of, field }) => [of, field])).toEqual([
      ['participants', '101/1'],
      ['calls', written[0]?.entry.call],
    ]);
    expect(written[0]?.body).toMatchObject({
      event: 'call.ringing',
      participant: participant(),
      call: { state: 'ringing' },
    });
  });

  test('about somebody who is gone already is the end of the leg, and the Remove then tells nothing new', async () => {
    present.set('101/1', participant());
    frame(EVENT_UPSERT, ENTITY, T0);
    await window.drained();
    present.clear();
    frame(EVENT_UPSERT, ENTITY, T0 + 1);
    frame(EVENT_REMOVE, ENTITY, T0 + 2);
    await window.drained();
    expect(written[1]?.body).toMatchObject({ unresolved: 'gone', participant: null, call: { legs: [] } });
    expect(written[1]?.body).not.toHaveProperty('repeat');
    expect(written[2]?.body).toMatchObject({ repeat: true, call: { pbxCallId: 7, legs: [] } });
  });

  test.each<[EntityOutcome, string]>([
    [{ kind: 'refused' }, 'refused'],
    [{ kind: 'failed', message: 'status 500' }, 'failed'],
    [{ kind: 'deadline' }, 'deadline'],
  ])('whose entity comes to %j goes in with the reason and leaves the call as it was', async (outcome, reason) => {
    present.set('101/1', participant());
    frame(EVENT_UPSERT, ENTITY, T0);
    await window.drained();
    answer = async () => outcome;
    frame(EVENT_UPSERT, ENTITY, T0 + 1);
    await window.drained();
    expect(written[1]?.body).toMatchObject({ unresolved: reason, participant: null, call: { state: 'ringing' } });
    expect(unresolved).toEqual([reason]);
  });

  test('that nobody answers waits for the deadline, and those behind it keep their place', async () => {
    pipeline.stop();
    create(100, { deadlineMs: 200 });
    answer = of => (of.id === 1 ? new Promise(() => undefined) : Promise.resolve({ kind: 'gone' }));
    frame(EVENT_UPSERT, ENTITY, T0);
    frame(EVENT_UPSERT, '/callcontrol/102/participants/2', T0 + 1);
    await window.drained();
    expect(written.map(({ body }) => body.unresolved)).toEqual(['deadline', 'gone']);
  });

  test('too many for the window go in without asking, in order', async () => {
    pipeline.stop();
    create(3);
    let release: () => void = () => undefined;
    answer = () => new Promise(resolve => (release = () => resolve({ kind: 'gone' })));
    for (let i = 0; i < 5; i += 1) frame(EVENT_UPSERT, ENTITY, T0 + i);
    release();
    await window.drained();
    expect(written.map(({ entry }) => entry.at - T0)).toEqual([0, 1, 2, 3, 4]);
    expect(written.slice(3).map(({ body }) => body.unresolved)).toEqual(['overload', 'overload']);
  });

  test('of dialled digits names the call and shows who pressed them', async () => {
    present.set('101/1', participant());
    frame(EVENT_UPSERT, ENTITY, T0);
    frame(EVENT_DTMF, ENTITY, T0 + 1, { dtmf_input: '5' });
    await window.drained();
    expect(written[1]).toMatchObject({
      entry: { event: 'call.dtmf' },
      body: { participant: participant(), call: { pbxCallId: 7 }, dtmf: '5' },
    });
  });

  test('of ever new kinds is an entry each, and no longer told of after twenty kinds', () => {
    for (let n = 0; n < 100; n += 1) frame(100 + n, ENTITY, T0);
    const told = written.filter(({ channel }) => channel === 'errors');
    expect([written.length - told.length, told.length]).toEqual([100, 20]);
  });

  test('of a device or of an unknown kind is an entry without a call', async () => {
    frame(EVENT_UPSERT, '/callcontrol/101/devices/sip%3A1', T0);
    frame(EVENT_REMOVE, '/callcontrol/101/devices/sip%3A1', T0);
    frame(99, '/callcontrol/101/participants/1', T0);
    frame(4, '', T0);
    await window.drained();
    const calls = written.filter(({ channel }) => channel === 'calls');
    expect(calls.map(({ entry, body }) => [entry.event, entry.dn, body.device])).toEqual([
      ['extension.status', '101', { dn: '101', deviceId: 'sip:1', registered: true }],
      ['extension.status', '101', { dn: '101', deviceId: 'sip:1', registered: false }],
      ['pbx.event', '101', undefined],
      ['pbx.event', undefined, undefined],
    ]);
  });

  test('of a type that nobody has seen is reported once, however many come', async () => {
    for (let i = 0; i < 5; i += 1) frame(7, ENTITY, T0);
    frame(8, ENTITY, T0);
    await window.drained();
    const reports = written.filter(({ channel }) => channel === 'errors');
    expect(reports.map(({ body }) => (body.data as { message: string }).message)).toEqual([
      expect.stringContaining('type 7'),
      expect.stringContaining('type 8'),
    ]);
    expect(written.filter(({ channel }) => channel === 'calls')).toHaveLength(6);
  });
});

describe('the start of a call that a snapshot shows', () => {
  const NOBODY: ReadonlySet<string> = new Set();
  const look = (isAfterGap: boolean, ...legs: object[]) =>
    pipeline.applySnapshot(
      { dns: ['101'], participants: legs.flatMap(each => parseParticipant(each, { dn: '101' }) ?? []) },
      { isAfterGap, touched: NOBODY },
    );
  const started = (pbxCallId: number) =>
    written
      .flatMap(({ body }) => (body.call as { pbxCallId: number; startedAt: string | null } | null) ?? [])
      .findLast(call => call.pbxCallId === pbxCallId)?.startedAt;

  test('is the moment of its first frame, although its entity could not be had', async () => {
    look(true);
    answer = async () => ({ kind: 'refused' });
    const at = Date.now() - 60_000;
    frame(EVENT_UPSERT, ENTITY, at);
    await window.drained();
    look(false, participant({ status: 'Connected' }));
    expect(started(7)).toBe(new Date(at).toISOString());
  });

  test('is the look when the one before it was a moment ago, and unknown when nobody looked', () => {
    look(true);
    look(false, participant());
    expect(started(7)).toEqual(expect.any(String));
    pipeline.stopWatching();
    look(true, participant({ id: 2, callid: 8 }));
    expect(started(8)).toBeNull();
  });
});

test('a place that is kept holds up what comes behind it until it is filled or its time is up', async () => {
  const settle = pipeline.reserve(10_000);
  frame(EVENT_REMOVE, ENTITY, T0);
  expect(written).toEqual([]);
  settle(() => pipeline.report({ severity: 'warning', message: 'in its place' }));
  expect(written.map(({ channel }) => channel)).toEqual(['errors', 'calls']);
  const late = pipeline.reserve(20);
  frame(EVENT_REMOVE, ENTITY, T0);
  await window.drained();
  late(() => pipeline.report({ severity: 'warning', message: 'too late' }));
  expect(written).toHaveLength(3);
});

test('after the log was lost one entry writes the whole state again and deletes what is no more', async () => {
  present.set('101/1', participant());
  frame(EVENT_UPSERT, ENTITY, T0);
  await window.drained();
  pipeline.republish({ calls: ['old-1'], participants: ['101/1', '109/9'] });
  const call = written[0]?.entry.call ?? '';
  expect(written[1]?.body).toMatchObject({ data: null, origin: 'reconcile' });
  const changes = written[1]?.entry.state?.map(
    ({ of, field, value }) => `${of} ${field} ${value === null ? 'gone' : 'set'}`,
  );
  expect(changes).toEqual([
    'calls old-1 gone',
    'participants 109/9 gone',
    'participants 101/1 set',
    `calls ${call} set`,
  ]);
});
