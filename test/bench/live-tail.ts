import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import type { CDPSession, Page } from 'playwright-core';
import { launchBrowser } from '../harness/browser.ts';
import { openPanelTab } from '../harness/panel-tab.ts';
import { signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startPanelStand } from './panel/panel-stand.ts';

/**
 * What a busy PBX does to the live tail: a relay, Chromium on the tail, and whole calls written to the log by another
 * process. Reports tasks that keep the page from answering, its memory, and whether it shows what was logged. Ends with 1
 * when a task took longer than 100 ms, memory grew, or rows are missing. `npm run bench:live-tail -- --seconds 60`
 */
const { values } = parseArgs({
  options: { 'per-second': { type: 'string', default: '500' }, seconds: { type: 'string', default: '60' } },
});
const perSecond = Number(values['per-second']);
const seconds = Number(values.seconds);
const LONG_TASK_MS = 100;
const SAMPLES = 6;
/** Of garbage that is collected later; anything that is kept for each event would be many times as much. */
const MAX_GROWTH_BYTES = 3 * 1024 * 1024;
/** What the tail holds of the newest. */
const ROWS = 500;

interface TaskWindow {
  tasks: { atMs: number; ms: number }[];
}

const stand = await startPanelStand();
const browser = await launchBrowser();
try {
  const tab = await openPanelTab(browser, stand.url, await signInAs(stand));
  const devtools = await tab.page.context().newCDPSession(tab.page);
  await devtools.send('Performance.enable');
  // The first events bring in what every later one needs: code, styles, the rows themselves.
  await fill(5);
  await tab.open('#/tail?channel=calls');
  await showsLast(tab.page, perSecond * 5);
  await tab.page.evaluate(watchTasks);

  const load = loadavg()[0];
  const filled = fill(seconds);
  const heap: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await sleep((seconds * 1_000) / SAMPLES);
    heap.push(await heapBytes(devtools));
  }
  const written = await filled;
  await showsLast(tab.page, perSecond * 5 + written);
  // Before all rows are drawn at once, which is a long task of this script's own.
  const tasks = await tab.page.evaluate(() => (globalThis as unknown as TaskWindow).tasks);
  const rows = await rowNumbers(tab.page);

  const long = tasks.filter(({ ms }) => ms > LONG_TASK_MS);
  // The first sample is of a page that has just begun.
  const growth = Math.max(...heap.slice(-2)) - (heap[1] ?? 0);
  const whole = rows.length === ROWS && rows.every((seq, place) => seq === (rows[0] ?? 0) + place);
  const result = {
    ...{ perSecond, seconds, written, load, loadAtEnd: loadavg()[0] },
    ...{ tasksOver50Ms: tasks.length, tasksOver100Ms: long.length },
    longestMs: Math.max(0, ...tasks.map(({ ms }) => ms)),
    heapMiB: heap.map(bytes => Number((bytes / 1024 / 1024).toFixed(2))),
    rows: rows.length,
    whole,
  };
  console.log(result);
  await mkdir('.data/bench', { recursive: true });
  await writeFile('.data/bench/live-tail.json', JSON.stringify({ ...result, tasks }, null, 2));
  if (long.length > 0 || growth > MAX_GROWTH_BYTES || !whole) process.exitCode = 1;
} finally {
  await browser.close();
  await stand.stop();
}
// Connections of the drivers that are still closing need not be waited for.
process.exit();

async function fill(forSeconds: number): Promise<number> {
  const script = fileURLToPath(new URL('./panel/fill-log.ts', import.meta.url));
  const args = [script, stand.redisUrl, stand.pbxId, String(perSecond), String(forSeconds)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}

/** In the page: the browser tells of tasks over 50 ms. */
function watchTasks(): void {
  type Entry = { startTime: number; duration: number };
  type Observer = new (told: (list: { getEntries(): Entry[] }) => void) => { observe(what: { type: string }): void };
  const page = globalThis as unknown as TaskWindow & { PerformanceObserver: Observer };
  page.tasks = [];
  new page.PerformanceObserver(list => {
    for (const { startTime, duration } of list.getEntries()) page.tasks.push({ atMs: startTime, ms: duration });
  }).observe({ type: 'longtask' });
}

async function heapBytes(devtools: CDPSession): Promise<number> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? Number.NaN;
}

/** Numbers of the rows that are drawn. */
function shown(page: Page): Promise<number[]> {
  const rows = page.locator('[data-row]');
  return rows.evaluateAll(drawn => drawn.map(row => Number(row.getAttribute('data-row')?.slice(-16))));
}

async function showsLast(page: Page, seq: number): Promise<void> {
  await waitFor(async () => (await shown(page)).at(-1) === seq, { what: `row ${seq}`, timeoutMs: 30_000 });
}

/** All of the list: in a window that is high enough every row is drawn. */
async function rowNumbers(page: Page): Promise<number[]> {
  await page.setViewportSize({ width: 1280, height: 20_000 });
  await waitFor(async () => (await shown(page)).length === ROWS, { what: 'all rows to be drawn' });
  return shown(page);
}
