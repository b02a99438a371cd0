import { beforeEach, expect, test } from 'vitest';
import { CallHistory } from './call-history.ts';
import type { ODataRow } from './odata-fields.ts';

const NOW = Date.UTC(2026, 5, 1);
const iso = (ms: number) => new Date(ms).toISOString();
const viewRow = (at: number) => ({ SegmentId: 1, SegmentStartTime: iso(at), CallAnswered: true });
const logRow = (at: number) => ({ CallHistoryId: 'c1', StartTime: iso(at), Answered: false });

let now: number;
let probes: Record<string, () => unknown>;
let view: readonly ODataRow[];
let log: readonly ODataRow[];
let asked: string[];
let decisions: string[];
let history: CallHistory;

beforeEach(() => {
  now = NOW;
  asked = [];
  decisions = [];
  view = [viewRow(NOW - 60_000)];
  log = [logRow(NOW - 60_000)];
  probes = {
    LastCdrAndChatMessageTimestamp: () => ({ value: [{ LastCdrStartedAt: iso(NOW - 60_000) }] }),
    CallHistoryView: () => ({ value: view.slice(0, 1) }),
    ReportCallLogData: () => ({ value: log.slice(0, 1) }),
  };
  history = new CallHistory({
    probe: async path => {
      asked.push(path.split('/')[0] ?? '');
      return probes[path.split('/')[0] ?? '']?.();
    },
    pages: async function* (path) {
      yield path === 'CallHistoryView' ? view : log;
    },
    onDecision: source => decisions.push(source),
    now: () => now,
  });
});

async function sources(): Promise<string[]> {
  const seen: string[] = [];
  for await (const row of history.read(NOW - 3_600_000, NOW)) seen.push(`${row.source} ${row.callHistoryId}`);
  return seen;
}
const fails = () => {
  throw new Error('500');
};

test('the view is read while it holds the newest calls, and what lies outside the span is left out', async () => {
  view = [viewRow(NOW - 60_000), viewRow(NOW - 86_400_000)];
  expect(await sources()).toEqual(['CallHistoryView null']);
});

test('the call log takes its place when the view has nothing newer, and that is remembered for minutes', async () => {
  view = [viewRow(NOW - 400 * 86_400_000)];
  expect(await sources()).toEqual(['ReportCallLogData c1']);
  expect(await sources()).toEqual(['ReportCallLogData c1']);
  expect(asked).toEqual(['LastCdrAndChatMessageTimestamp', 'CallHistoryView']);
  view = [viewRow(NOW - 60_000)];
  now += 6 * 60_000;
  expect(await sources()).toEqual(['CallHistoryView null']);
  expect(decisions).toEqual(['ReportCallLogData', 'CallHistoryView']);
});

test('the call log takes its place when the view fails', async () => {
  probes.CallHistoryView = fails;
  expect(await sources()).toEqual(['ReportCallLogData c1']);
});

test('without the time of the newest record the newest row of the call log is compared', async () => {
  probes.LastCdrAndChatMessageTimestamp = fails;
  view = [];
  expect(await sources()).toEqual(['ReportCallLogData c1']);
});

test('the view is read when nothing can be compared', async () => {
  probes.LastCdrAndChatMessageTimestamp = fails;
  probes.ReportCallLogData = fails;
  expect(await sources()).toEqual(['CallHistoryView null']);
});
