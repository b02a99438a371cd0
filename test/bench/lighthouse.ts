import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BrowserContext, chromium } from 'playwright-core';
import { findChromium } from '../../install/dev/servers/test-tools.ts';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { createLogFiller } from '../harness/log-filler.ts';
import { startService } from '../harness/processes.ts';
import { createUser } from '../harness/sign-in.ts';
import { toCallEntry } from './call-entries.ts';
import { type PanelStand, startPanelStand } from './panel/panel-stand.ts';

/**
 * What Lighthouse says of the panel: the page to sign in and the dashboard, as a telephone and as a desktop, and what the
 * first load of each transfers. Each is looked at RUNS times, because what else the machine does is measured, too; what
 * counts is the run in the middle, and the scores of all stand beside it. Ends with 1 when a score is below 95 or a load
 * above 250 KB. `npm run bench:panel`, or `npm run bench:panel -- dashboard-mobile` for some of it.
 *
 * Lighthouse brings some hundred packages and 176 MB: npm fetches it for the run, and nobody else has to install it. `LIGHTHOUSE`
 * names a folder in which it is installed already.
 */
const LIGHTHOUSE = 'lighthouse@13.5.0';
const CATEGORIES = ['performance', 'accessibility', 'best-practices'] as const;
const FORMS = ['mobile', 'desktop'] as const;
const RUNS = 5;
const TARGET = 95;
const MAX_LOAD_BYTES = 250_000;
/** Nice value, which anybody may raise. */
const BESIDE_THE_BROWSER = 10;
const PASSWORD = 'correct horse battery staple';
const USERNAME = 'ada';

interface Report {
  readonly environment: { readonly benchmarkIndex: number };
  readonly categories: Record<string, { readonly score: number | null }>;
  readonly audits: Record<
    string,
    {
      readonly score: number | null;
      readonly title: string;
      readonly numericValue?: number;
      readonly details?: unknown;
    }
  >;
}

const run = promisify(execFile);
const executablePath = findChromium();
if (executablePath === null) throw new Error('no Chromium here: install it, or name one in CHROMIUM');
const folder = await mkdtemp(join(tmpdir(), '3cx-relay-lighthouse-'));
const stand = await startPanelStand();
// Without one the history falls behind, and the panel says so over every page.
const worker = await startService('worker', {
  ...{ REDIS_URL: stand.redisUrl, DATABASE_URL: stand.databaseUrl, PBX_ID: stand.pbxId },
});
try {
  await createUser(stand.databaseUrl, { username: USERNAME, role: 'admin', password: PASSWORD });
  await fillLog(stand);
  const devtoolsPort = await findFreePort();
  // Lighthouse looks through a port into the same profile, in which somebody signs in between.
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', `--remote-debugging-port=${devtoolsPort}`],
  });
  // In life the relay has a machine of its own: here it and the worker, and Lighthouse, must not take the browser's core.
  for (const pid of [process.pid, worker.pid]) setPriority(pid, BESIDE_THE_BROWSER);
  const rows = [];
  for (const page of ['sign-in', 'dashboard'] as const) {
    if (page === 'dashboard') await signIn(context);
    for (const form of FORMS) if (isWanted(`${page}-${form}`)) rows.push(await audit({ page, form, devtoolsPort }));
  }
  await context.close();
  console.table(rows);
  if (!rows.every(({ met }) => met)) process.exitCode = 1;
} finally {
  await worker.stop();
  await stand.stop();
  await rm(folder, { recursive: true, force: true });
}
// Connections of the drivers that are still closing need not be waited for.
process.exit();

function isWanted(name: string): boolean {
  const wanted = process.argv.slice(2);
  return wanted.length === 0 || wanted.includes(name);
}

async function audit(of: { page: string; form: (typeof FORMS)[number]; devtoolsPort: number }) {
  const name = `${of.page}-${of.form}`;
  const path = join('.data/bench', `lighthouse-${name}.json`);
  await mkdir('.data/bench', { recursive: true });
  const reports = [];
  for (let run = 0; run < RUNS; run += 1) reports.push(await look(of));
  reports.sort((a, b) => scoreOf(a, 'performance') - scoreOf(b, 'performance'));
  const report = reports[Math.floor(RUNS / 2)] as Report;
  await writeFile(path, JSON.stringify(report));
  const scores = CATEGORIES.map(category => scoreOf(report, category));
  const bytes = loadBytes(report);
  for (const { score, title } of Object.values(report.audits)) {
    if (score !== null && score < 0.9) console.log(`${name}: ${title} (${score})`);
  }
  const met = scores.every(score => score >= TARGET) && bytes <= MAX_LOAD_BYTES;
  const shift = Math.max(...reports.map(({ audits }) => audits['cumulative-layout-shift']?.numericValue ?? 0)).toFixed(
    2,
  );
  const all = reports.map(report => scoreOf(report, 'performance')).join(' ');
  // An idle machine has an index well above 1000.
  const speed = Math.round(report.environment.benchmarkIndex);
  return {
    name,
    speed,
    ...Object.fromEntries(CATEGORIES.map((category, i) => [category, scores[i]])),
    all,
    shift,
    bytes,
    met,
  };
}

async function look(of: { form: (typeof FORMS)[number]; devtoolsPort: number }): Promise<Report> {
  const args = [
    ...[`${stand.url}/admin/`, '--quiet', '--output=json'],
    ...[`--port=${of.devtoolsPort}`, `--only-categories=${CATEGORIES.join()}`],
    ...(of.form === 'desktop' ? ['--preset=desktop'] : []),
  ];
  const { stdout } = await run(...lighthouse(args), { timeout: 240_000, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}

function scoreOf(report: Report, category: (typeof CATEGORIES)[number]): number {
  return Math.round((report.categories[category]?.score ?? 0) * 100);
}

function lighthouse(args: string[]): [string, string[]] {
  const { LIGHTHOUSE: installed } = process.env;
  if (installed) return [process.execPath, [join(installed, 'node_modules/lighthouse/cli/index.js'), ...args]];
  return ['npm', ['exec', '--yes', '--ignore-scripts', `--package=${LIGHTHOUSE}`, '--', 'lighthouse', ...args]];
}

/** Everything that came over the wire, compressed as it was. */
function loadBytes({ audits }: Report): number {
  const details = audits['network-requests']?.details as { items?: { transferSize?: number }[] } | undefined;
  return (details?.items ?? []).reduce((sum, { transferSize = 0 }) => sum + transferSize, 0);
}

async function signIn(context: BrowserContext): Promise<void> {
  const page = await context.newPage();
  await page.goto(`${stand.url}/admin/`);
  await page.getByLabel('Username').fill(USERNAME);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.close();
}

/** Some calls, so that the dashboard has them to show, and the word of an ingest that all is well. */
async function fillLog({ redisUrl, pbxId }: PanelStand): Promise<void> {
  const log = createLogFiller({ redisUrl, pbxId });
  await log.append(Array.from({ length: 500 }, (_, n) => toCallEntry(n, Date.now())));
  await log.redis.set(log.keys.ingestStatus, JSON.stringify({ state: 'connected', components: [] }), 'EX', 3_600);
  await log.stop();
}
