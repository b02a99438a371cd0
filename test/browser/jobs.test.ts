import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { Queue, Worker } from 'bullmq';
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { type ServiceProcess, startService } from '../harness/processes.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What the jobs are at and what PostgreSQL refused: first without anybody who works, then with the real worker. */
describe.skipIf(!hasBrowser)('the jobs', () => {
  let relay: TestRelay;
  let worker: ServiceProcess | undefined;
  let browser: Browser;
  let tab: PanelTab;
  let viewerTab: PanelTab;

  beforeAll(async () => {
    relay = await startTestRelay();
    await fail('upkeep', 'trim-log', ['one', 'two', 'three']);
    await fail('pbx', 'call-command', ['+49301234567']);
    await refuse(30);
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, relay.url, await signInAs(relay));
    viewerTab = await openPanelTab(browser, relay.url, await signInAs(relay, { role: 'viewer' }));
  });

  afterEach(() => expect([...tab.complaints.splice(0), ...viewerTab.complaints.splice(0)]).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    if (worker?.isAlive()) await worker.stop();
    await relay?.stop();
  });

  /** Lets a job fail for each of these numbers, as a worker would. */
  async function fail(queueName: string, name: string, destinations: string[]): Promise<void> {
    const { hostname: host, port } = new URL(relay.redisUrl);
    const connection = { host, port: Number(port), maxRetriesPerRequest: null };
    const options = { connection, prefix: createLogKeys(relay.pbxId).jobs };
    const queue = new Queue(queueName, options);
    for (const destination of destinations) await queue.add(name, { destination });
    const failing = new Worker(
      queueName,
      async ({ data }) => Promise.reject(new Error(`no way to ${data.destination}`)),
      options,
    );
    await waitFor(async () => (await queue.getFailedCount()) === destinations.length, { what: 'the jobs to fail' });
    await failing.close();
    await queue.close();
  }

  /** Entries that PostgreSQL would take by now. */
  async function refuse(count: number): Promise<void> {
    const client = new pg.Client({ connectionString: relay.databaseUrl });
    await client.connect();
    await client.query(
      `INSERT INTO dead_letters (channel, epoch, seq, at, type, event, body, target, reason)
       SELECT 'calls', 'm5k2h7qa', n, now(), 'call_event', 'call.updated', '{"n":1}', 'events', 'too long for its column'
       FROM generate_series(1, $1::int) n`,
      [count],
    );
    await client.end();
  }

  const card = (name: string, where = tab) => where.page.getByRole('region', { name });
  const queue = (name: string) => card('Queues').getByRole('row').filter({ hasText: name });
  const letters = (where = tab) => card('Refused by PostgreSQL', where).locator('tbody tr');
  const jobs = (where = tab) => card('Failed jobs', where).getByRole('listitem');

  it('shows how much waits, runs and has failed in each queue, and why', async () => {
    await tab.open('#/jobs');
    await queue('upkeep').waitFor();
    expect(await queue('upkeep').getByRole('cell').allInnerTexts()).toMatchObject(
      [/upkeep/, /^0$/, /^0$/, /^3$/, /nothing is scheduled/].map(text => expect.stringMatching(text)),
    );
    expect(await jobs().count()).toBe(4);
    const call = jobs().filter({ hasText: 'call-command' });
    await call.getByText('No way to +49301234567').waitFor();
    await call.getByText('What it was to do').press('Enter');
    await call.getByText('"+49301234567"').waitFor();
    // Whoever waited for the call has gone.
    await call.getByText('not again').waitFor();
    expect(await tab.findings()).toEqual([]);
  });

  it('puts one failed job back by the keyboard, then all others that may be tried again', async () => {
    await jobs().getByRole('button', { name: 'Try again: trim-log' }).first().press('Enter');
    await tab.page.getByText('1 put back into the queue.').waitFor();
    await waitFor(async () => (await jobs().count()) === 3, { what: 'one failed job less' });
    await card('Failed jobs').getByRole('button', { name: 'Try all again' }).press('Enter');
    await tab.page.getByText('2 put back into the queue.').waitFor();
    await waitFor(async () => (await jobs().count()) === 1, { what: 'what may not be tried again to be left' });
    expect(await queue('upkeep').getByRole('cell').nth(1).textContent()).toBe('3');
    expect(await card('Failed jobs').getByRole('button', { name: 'Try all again' }).count()).toBe(0);
  });

  it('shows what PostgreSQL refused a page at a time, with the reason and as it stands in the log', async () => {
    expect(await letters().count()).toBe(25);
    const first = letters().first();
    await first.getByText('Too long for its column').waitFor();
    await first.getByText('As it stands in the log').press('Enter');
    await first.getByText('{"n":1}').waitFor();
    const card_ = card('Refused by PostgreSQL');
    await card_.getByRole('button', { name: 'Earlier' }).press('Enter');
    await waitFor(async () => (await letters().count()) === 30, { what: 'all of them' });
    expect(await card_.getByRole('button', { name: 'Earlier' }).count()).toBe(0);
  });

  it('lets a viewer look at all of it, the numbers hidden, and try nothing again', async () => {
    await viewerTab.open('#/jobs');
    await jobs(viewerTab).getByText('No way to •••67').waitFor();
    expect(await letters(viewerTab).count()).toBe(25);
    expect(await viewerTab.page.getByRole('button', { name: /again/i }).count()).toBe(0);
    expect(await viewerTab.page.getByRole('main').textContent()).not.toContain('1234567');
  });

  it('has the worker try again what was refused, and shows that it was taken', { timeout: 60_000 }, async () => {
    worker = await startService('worker', {
      ...{ PBX_ID: relay.pbxId, REDIS_URL: relay.redisUrl, DATABASE_URL: relay.databaseUrl },
    });
    await card('Refused by PostgreSQL').getByRole('button', { name: 'Try them again' }).press('Enter');
    await tab.page.getByText(/^The worker tries them again now/).waitFor();
    await waitFor(async () => (await letters().getByText('resolved', { exact: true }).count()) === 25, {
      ...{ what: 'the newest to be resolved', timeoutMs: 25_000 },
    });
    await queue('persist')
      .getByText(/^every /)
      .first()
      .waitFor();
  });
});
