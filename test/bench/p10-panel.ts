import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { warn } from '../../install/dev/terminal.js';
import type { Measure } from './frame/report.ts';
import { REPORT_DIR, type RowWork, runRow } from './frame/run-row.ts';

/**
 * P10: the panel. What Lighthouse says of the sign-in page and of the dashboard (lighthouse.ts), and whether the live tail
 * stays smooth at 500 events a second (live-tail.ts).
 *
 * Method. Each is a script of its own with its method in its head; this row runs them and judges what they wrote: the live
 * tail as often as every row is run, Lighthouse once, as it looks at each page several times by itself. Without
 * the variable LIGHTHOUSE, which names a folder in which it is installed, its part is left out, and so are both without
 * a Chromium.
 */
const FORMS = ['sign-in-mobile', 'sign-in-desktop', 'dashboard-mobile', 'dashboard-desktop'] as const;
const CATEGORIES = ['performance', 'accessibility', 'best-practices'] as const;
const SCRIPT_MS = 1_500_000;
const MAX_LOAD_KB = 250;
const SCORE = 95;
const LONG_TASK_MS = 100;
/** Where the points of a telephone go when there are not enough of them. */
const WHERE_IT_GOES =
  'a telephone is four times slower than a core of this machine, and what a task there takes beyond 50 ms counts: to draw the cards as their answers come takes 30 to 47 ms here; single looks differ by twenty points';

interface Tail {
  readonly longestMs: number;
  readonly tasksOver100Ms: number;
  readonly whole: boolean;
  readonly written: number;
}

interface Lighthouse {
  readonly categories: Record<string, { readonly score: number | null }>;
  readonly audits: Record<
    string,
    { readonly details?: { readonly items?: readonly { readonly transferSize?: number }[] } }
  >;
}

await runRow({
  row: 'P10',
  title: 'panel',
  maxSeconds: 2 * (SCRIPT_MS / 1_000),
  async measure(work) {
    const seconds = work.options.quick ? 10 : 60;
    const measures = [...(await tail(work, seconds)), ...(await lighthouse(work))];
    return { settings: { seconds }, measures };
  },
});

async function tail(work: RowWork, seconds: number): Promise<Measure[]> {
  const values: number[] = [];
  let written = 0;
  let isWhole = true;
  for (let n = 1; n <= work.options.runs; n += 1) {
    const problem = await run('live-tail.ts', ['--seconds', String(seconds)]);
    const result = await readReport<Tail>('live-tail.json');
    if (!result || (problem && !problem.includes('code 1'))) return [smoothness([], { why: problem ?? 'no report' })];
    work.record('live tail', { run: n, ...result });
    values.push(result.longestMs);
    written += result.written;
    isWhole &&= result.whole;
  }
  const note = `${written} events, ${isWhole ? 'every row shown' : 'rows are missing'}`;
  return [smoothness(values, { note, isWhole })];
}

function smoothness(values: number[], of: { note?: string; why?: string; isWhole?: boolean }): Measure {
  const { note, why, isWhole = false } = of;
  return {
    ...{ work: 'longest task of the live tail at 500 events/s', unit: 'ms', better: 'lower' },
    subjects: [{ name: 'panel', role: 'ours', values, ...(note ? { note } : {}) }],
    target: `≤ ${LONG_TASK_MS} ms in each run`,
    met: values.length === 0 ? null : Math.max(...values) <= LONG_TASK_MS && isWhole,
    ...(why ? { why } : {}),
  };
}

async function lighthouse(work: RowWork): Promise<Measure[]> {
  if (!process.env.LIGHTHOUSE) {
    const why = 'LIGHTHOUSE names no folder with Lighthouse in it';
    warn(`Lighthouse is left out: ${why}`);
    return [score([], why)];
  }
  const forms = work.options.quick ? FORMS.slice(-1) : FORMS;
  const problem = await run('lighthouse.ts', forms);
  const measures: Measure[] = [];
  for (const form of forms) {
    const report = await readReport<Lighthouse>(`lighthouse-${form}.json`);
    if (!report) return [score([], problem ?? 'no report')];
    const scores = CATEGORIES.map(category => Math.round((report.categories[category]?.score ?? 0) * 100));
    const items = report.audits['network-requests']?.details?.items ?? [];
    const loadKb = items.reduce((sum, { transferSize = 0 }) => sum + transferSize, 0) / 1_000;
    work.record(form, { ...Object.fromEntries(CATEGORIES.map((category, i) => [category, scores[i]])), loadKb });
    const lowest = Math.min(...scores);
    const why = lowest < SCORE && form.endsWith('mobile') ? WHERE_IT_GOES : undefined;
    measures.push(score([lowest], why, form), load(loadKb, form));
  }
  return measures;
}

function score(values: number[], why?: string, form = 'panel'): Measure {
  const [value] = values;
  return {
    ...{ work: `lowest of performance, accessibility and best practices, ${form}`, unit: 'points', better: 'higher' },
    subjects: [{ name: 'panel', role: 'ours', values }],
    target: `≥ ${SCORE}`,
    met: value === undefined ? null : value >= SCORE,
    ...(why ? { why } : {}),
  };
}

function load(loadKb: number, form: string): Measure {
  return {
    ...{ work: `first load, ${form}`, unit: 'KB gzip', better: 'lower' },
    subjects: [{ name: 'panel', role: 'ours', values: [loadKb] }],
    target: `≤ ${MAX_LOAD_KB} KB`,
    met: loadKb <= MAX_LOAD_KB,
  };
}

/** Undefined when it ended well; 1 means that it measured and something was not good enough. */
async function run(script: string, args: readonly string[]): Promise<string | undefined> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  try {
    await promisify(execFile)(process.execPath, [file, ...args], { timeout: SCRIPT_MS, killSignal: 'SIGKILL' });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    return code === 1 && !stderr ? 'ended with code 1' : (stderr?.trim().split('\n').at(-1) ?? messageOf(error));
  }
}

async function readReport<Report>(name: string): Promise<Report | undefined> {
  const text = await readFile(join(REPORT_DIR, name), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Report);
}
