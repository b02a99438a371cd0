import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import type { Curve, CurvePoint } from '../frame/report.ts';
import type { RowWork } from '../frame/run-row.ts';
import { quantile } from '../frame/statistics.ts';
import { fillHistory } from '../load/fill-history.ts';
import { type RunningRelay, startRelay } from '../peers/relay.ts';

const EVENT_BYTES = 300;
const PAGES = 100;
const PAGE = 500;

/** Pages of 500 events from anywhere in what PostgreSQL alone has, one after the other, over HTTP. */
export async function historyCurve(work: RowWork, lengths: number[]): Promise<Curve> {
  const [median, late]: CurvePoint[][] = [[], []];
  for (const length of lengths) {
    let epoch = '';
    const running = await startRelay(work.stand, {
      prepare: async target => {
        epoch = await fillHistory(target, length, EVENT_BYTES);
      },
    });
    try {
      const ms = await pages(running, { epoch, length });
      const [p50Ms, p99Ms] = [quantile(ms, 0.5), quantile(ms, 0.99)];
      work.record('history', { length, p50Ms, p99Ms });
      median?.push({ x: length, y: p50Ms });
      late?.push({ x: length, y: p99Ms });
    } finally {
      await running.stop();
    }
  }
  return {
    ...{ title: `A page of ${PAGE} events over the length of history`, xLabel: 'rows in PostgreSQL', yLabel: 'ms' },
    lines: [
      { name: 'p50', points: median ?? [] },
      { name: 'p99', points: late ?? [] },
    ],
  };
}

async function pages(running: RunningRelay, log: { epoch: string; length: number }): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < PAGES; n += 1) {
    const seq = Math.floor(Math.random() * Math.max(1, log.length - PAGE));
    const after = formatPosition({ epoch: log.epoch, seq });
    const startedAt = performance.now();
    const answer = await fetch(`http://127.0.0.1:${running.port}/relay/events?after=${after}&limit=${PAGE}`, {
      headers: { authorization: `Bearer ${running.apiKey}` },
    });
    const { events } = (await answer.json()) as { events?: unknown[] };
    if (events?.length !== PAGE)
      throw new Error(
        `${answer.status}: ${events?.length} of ${PAGE} events after ${after}: ${JSON.stringify(events?.[0])}`,
      );
    times.push(performance.now() - startedAt);
  }
  return times;
}
