import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { compare, entriesLogged, framesSent } from '../harness/ledger.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { positive } from './frame/options.ts';
import { residentBytes } from './frame/process-cpu.ts';
import type { Curve, Measure } from './frame/report.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { median } from './frame/statistics.ts';
import { SEQUENCE } from './load/arrival-scanner.ts';
import { startListeners } from './load/listeners.ts';
import type { Tally } from './load/listeners-process.ts';

/**
 * Memory of the whole product over half an hour: `npm run bench -- soak`, `--seconds` for another length.
 *
 * Method. The simulated PBX plays calls at 200 frames a second; ingest, relay and worker run as processes, 100 clients
 * read. Sixty times the resident memory of each process is taken. What counts is how far the median of the last third
 * stands above that of the middle third: in the first third caches, rings and heaps fill. Redis is shown and not judged,
 * because it holds a day of the log. In the end the log must have every frame, but for those in front of a gap, and every
 * client everything that the log has, in order.
 */
const PER_SECOND = 200;
const CLIENTS = 100;
const SAMPLES = 60;
const SERVICES = ['ingest', 'relay', 'worker'] as const;
const MAX_GROWTH = 0.1;

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, quick: { type: 'boolean', default: false }, runs: { type: 'string' } },
});
const seconds = positive('--seconds', values.seconds) ?? (values.quick ? 30 : 1_800);

interface Sample {
  readonly second: number;
  readonly mb: Readonly<Record<string, number>>;
}

await runRow({
  row: 'soak',
  title: `memory over ${seconds} s at ${PER_SECOND} frames/s for ${CLIENTS} clients`,
  maxSeconds: seconds + 300,
  options: { quick: values.quick, runs: 1, seconds },
  async measure(work) {
    const { samples, ...outcome } = await soak(work);
    work.record('whole product', outcome);
    return {
      settings: { perSecond: PER_SECOND, clients: CLIENTS, samples: samples.length },
      measures: [...SERVICES.map(name => growth(name, samples)), arrived(outcome)],
      curves: [toCurve(samples)],
    };
  },
});

interface Outcome extends Pick<Tally, 'received' | 'fewest' | 'most' | 'disorder' | 'gone'> {
  readonly sent: number;
  readonly logged: number;
  /** Frames that the log has not, and of which no gap tells. */
  readonly missing: number;
  readonly gaps: number;
}

async function soak(work: RowWork): Promise<{ samples: Sample[] } & Outcome> {
  const redis = await work.stand.redis('always');
  const system = await startSystem();
  const target = {
    ...{ wire: 'relay' as const, port: Number(new URL(system.relayUrl).port), path: '/relay/ws?after=now' },
    headers: { authorization: `Bearer ${system.apiKey}` },
  };
  const listeners = await startListeners({
    target,
    clients: CLIENTS,
    mark: SEQUENCE,
    isCounting: true,
  });
  try {
    await system.sim('POST', '/sim/burst', { events: PER_SECOND * seconds, perSecond: PER_SECOND });
    const samples: Sample[] = [];
    const startedAt = performance.now();
    for (let n = 1; n <= SAMPLES; n += 1) {
      await sleep(Math.max(0, startedAt + (n * seconds * 1_000) / SAMPLES - performance.now()));
      samples.push({ second: (n * seconds) / SAMPLES, mb: await memoryOf(system) });
    }
    const burst = () => system.sim<{ running: boolean; sent: number }>('GET', '/sim/burst');
    await waitFor(async () => !(await burst()).running, { what: 'the calls to end', timeoutMs: 120_000 });
    const { sent } = await burst();
    const entries = await entriesLogged(system);
    const { framesLogged, missing } = compare(await framesSent(system), entries);
    const gaps = entries.filter(({ type }) => type === 'gap').length;
    const { received, fewest, most, disorder, gone } = await listeners.until(framesLogged * CLIENTS, {
      quietMs: 10_000,
    });
    const clients = { received, fewest, most, disorder, gone };
    return { samples, sent, logged: framesLogged, missing: missing.length, gaps, ...clients };
  } finally {
    await listeners.stop();
    await system.stop();
    await redis.stop();
  }
}

async function memoryOf(system: System): Promise<Record<string, number>> {
  const mb: Record<string, number> = {};
  for (const name of SERVICES) mb[name] = (await residentBytes(system.service(name).pid)) / 1024 ** 2;
  mb.redis = Number(/^used_memory:(\d+)/m.exec(await system.redis.info('memory'))?.[1]) / 1024 ** 2;
  return mb;
}

function arrived({ sent, logged, missing, gaps, received, fewest, most, disorder, gone }: Outcome): Measure {
  const log = `${sent} frames sent, ${logged} in the log, ${missing} missing without a gap, ${gaps} gaps`;
  const clients = `each client got ${fewest} to ${most}, ${disorder} out of order, ${gone} clients were cut`;
  return {
    ...{ work: 'arrived of what the log has', unit: '%', better: 'higher', target: 'all' },
    subjects: [
      {
        name: 'whole product',
        role: 'ours',
        values: [(received / (logged * CLIENTS)) * 100],
        note: `${log}; ${clients}`,
      },
    ],
    met: missing === 0 && received === logged * CLIENTS && disorder === 0,
  };
}

function growth(name: string, samples: readonly Sample[]): Measure {
  const third = Math.floor(samples.length / 3);
  const of = (part: readonly Sample[]) => median(part.map(({ mb }) => mb[name] ?? Number.NaN));
  const [middle, last] = [of(samples.slice(third, 2 * third)), of(samples.slice(2 * third))];
  return {
    ...{ work: `${name}: last third above the middle third`, unit: '%', better: 'lower' },
    subjects: [{ name, role: 'ours', values: [(last / middle - 1) * 100], note: `${Math.round(last)} MB` }],
    target: `≤ ${MAX_GROWTH * 100} %`,
    met: last <= middle * (1 + MAX_GROWTH),
  };
}

function toCurve(samples: readonly Sample[]): Curve {
  return {
    ...{ title: 'Memory over time', xLabel: 'seconds', yLabel: 'MB resident; of Redis: used' },
    lines: [...SERVICES, 'redis'].map(name => ({
      name,
      points: samples.map(({ second, mb }) => ({ x: second, y: mb[name] ?? 0 })),
    })),
  };
}
