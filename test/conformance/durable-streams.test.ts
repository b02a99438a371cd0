import { runConformanceTests } from '@durable-streams/server-conformance-tests';
import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest';
import { coreGroups, leftOutGroups } from './groups.ts';
import { type StreamServer, startStreamServer } from './shim/stream-server.ts';

const longPollMs = 500;
const server = { baseUrl: '', subscriptions: true, longPollTimeoutMs: longPollMs + 4_000 };
const seen = new Set<string>();
let running: StreamServer;

beforeAll(async () => {
  running = await startStreamServer({ longPollMs });
  server.baseUrl = running.url;
});

afterAll(async () => {
  await running?.stop();
  expect([...seen].sort()).toEqual([...coreGroups, ...leftOutGroups.keys()].sort());
});

describe('the read path of Durable Streams', () => {
  beforeEach(({ task, skip }) => {
    const group = groupOf(task);
    seen.add(group);
    const reason = leftOutGroups.get(group);
    if (reason !== undefined) skip(reason);
    expect(coreGroups, `the suite has a group that nobody decided about: ${group}`).toContain(group);
  });

  runConformanceTests(server);
});

/** The outermost group that the suite itself made. */
function groupOf(task: Readonly<import('vitest').RunnerTestCase>): string {
  let group = task.suite;
  while (group?.suite?.suite) group = group.suite;
  return group?.name ?? '';
}
