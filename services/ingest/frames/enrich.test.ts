import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { expect, test, vi } from 'vitest';
import type { EntityOutcome } from '../pbx/callcontrol/callcontrol-api.ts';
import { Enricher } from './enrich.ts';

/** GETs that the test answers by hand. */
function stand(concurrency: number) {
  const asked: { key: string; answer: (outcome?: EntityOutcome) => void }[] = [];
  const settled: string[] = [];
  const told: string[] = [];
  const enricher = new Enricher(
    { concurrency, deadlineMs: 60_000 },
    {
      get: ({ dn, id }) =>
        new Promise(resolve => {
          asked.push({ key: `${dn}/${id}`, answer: (outcome = { kind: 'gone' }) => resolve(outcome) });
        }),
      errors: { logError: (component, severity, message) => told.push(`${component} ${severity}: ${message}`) },
      registry: createMetrics('test'),
    },
  );
  const request = (name: string, of: { dn: string; id: number }, isGivenUp = () => false) =>
    enricher.request({ ...of, isGivenUp, settle: () => settled.push(name) });
  const turn = () => new Promise(resolve => setImmediate(resolve));
  return { asked, settled, told, enricher, request, turn };
}

const A = { dn: '101', id: 1 };
const B = { dn: '102', id: 2 };
const C = { dn: '103', id: 3 };

test('an upsert that comes while its participant is being asked for waits for the next GET', async () => {
  const { asked, settled, request, turn } = stand(4);
  request('first', A);
  request('second', A);
  request('third', A);
  expect(asked).toHaveLength(1);
  asked[0]?.answer();
  await turn();
  expect(settled).toEqual(['first']);
  expect(asked).toHaveLength(2);
  asked[1]?.answer();
  await turn();
  expect(settled).toEqual(['first', 'second', 'third']);
  expect(asked).toHaveLength(2);
});

test('no more GETs run at a time than allowed, and upserts share one that has not started', async () => {
  const { asked, settled, request, turn } = stand(2);
  request('a', A);
  request('b', B);
  request('c1', C);
  request('c2', C);
  expect(asked.map(each => each.key)).toEqual(['101/1', '102/2']);
  asked[1]?.answer();
  await turn();
  expect(asked.map(each => each.key)).toEqual(['101/1', '102/2', '103/3']);
  asked[2]?.answer();
  await turn();
  expect(settled).toEqual(['b', 'c1', 'c2']);
});

test('what went on without its answer is not asked for any more', async () => {
  const { asked, request, turn } = stand(1);
  request('a', A);
  request('late', B, () => true);
  request('c', C);
  asked[0]?.answer();
  await turn();
  expect(asked.map(each => each.key)).toEqual(['101/1', '103/3']);
});

test('a pause holds GETs back until the resume', async () => {
  const { asked, enricher, request } = stand(1);
  enricher.pause();
  request('a', A);
  expect(asked).toEqual([]);
  enricher.resume();
  expect(asked).toHaveLength(1);
});

const FAILED: EntityOutcome = { kind: 'failed', message: 'status 503' };

async function answerAll(outcomes: readonly EntityOutcome[]): Promise<string[]> {
  const { asked, settled, told, request } = stand(1);
  request('a', A);
  for (const [n, outcome] of outcomes.entries()) {
    await vi.waitFor(() => expect(asked).toHaveLength(n + 1));
    asked[n]?.answer(outcome);
  }
  await vi.waitFor(() => expect(settled).toEqual(['a']));
  return told;
}

test.each([
  [
    'fails at each try',
    [FAILED, FAILED, FAILED],
    ['callcontrol error: the PBX did not tell of a participant: status 503'],
  ],
  [
    'is answered at the second try',
    [FAILED, { kind: 'gone' }],
    ['callcontrol warning: the PBX told of a participant only when it was asked again: status 503'],
  ],
  [
    'is not answered in time',
    [{ kind: 'deadline' }],
    ['callcontrol error: the PBX did not tell of a participant: no answer in 60000 ms'],
  ],
  ['finds that it left', [{ kind: 'gone' }], []],
  ['is for others', [{ kind: 'refused' }], []],
] satisfies [string, EntityOutcome[], string[]][])('a GET that %s', async (_, outcomes, expected) => {
  expect(await answerAll(outcomes)).toEqual(expected);
});
