import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The dashboard, with no ingest and no worker running: a relay alone, which has much to complain about. */
describe.skipIf(!hasBrowser)('the dashboard', () => {
  let relay: TestRelay;
  let log: LogFiller;
  let browser: Browser;
  let admin: PanelTab;
  let viewer: PanelTab;

  beforeAll(async () => {
    relay = await startTestRelay({ ADMIN_RECONNECT_TIMEOUT_MS: '500' });
    log = createLogFiller(relay);
    browser = await sharedBrowser();
    admin = await openPanelTab(browser, relay.url, await signInAs(relay));
    viewer = await openPanelTab(browser, relay.url, await signInAs(relay, { role: 'viewer' }));
  });

  afterEach(() => {
    const complaints = [...admin.complaints.splice(0), ...viewer.complaints.splice(0)];
    expect(complaints.filter(text => !/status of (503|504|409)/.test(text))).toEqual([]);
  });

  afterAll(async () => {
    await closeTabs(browser);
    await log?.stop();
    await relay?.stop();
  });

  it('shows the numbers of now, the components and the last day', async () => {
    await admin.open('#/');
    await admin.page.getByRole('heading', { name: '3CX database' }).waitFor();
    const figures = admin.page.getByRole('list', { name: 'Numbers of now' });
    await waitFor(async () => /Active calls\s*0/.test((await figures.textContent()) ?? ''), { what: 'the calls' });
    // They are made when they are nearly in view, and what is wrong with this relay is told above them.
    const scrollsToCharts = async () => {
      await admin.page.mouse.wheel(0, 200);
      return (await admin.page.getByText('Calls per hour').count()) === 1;
    };
    await waitFor(scrollsToCharts, { what: 'the charts' });
    expect(await admin.page.getByRole('img', { name: /24 hours/ }).count()).toBeGreaterThan(0);
  });

  it('follows the rate of events while it is open', async () => {
    const figures = admin.page.getByRole('list', { name: 'Numbers of now' });
    const rate = async () => /([\d.]+)\/s of calls/.exec((await figures.textContent()) ?? '')?.[1];
    await waitFor(async () => (await rate()) === '0', { what: 'nothing to happen' });
    await log.fill(200);
    await waitFor(async () => Number(await rate()) >= 10, { what: 'the rate to show it', timeoutMs: 10_000 });
  });

  it('tells an admin what a reconnect really came to', async () => {
    const { page } = admin;
    await page.getByRole('button', { name: 'Reconnect' }).first().click();
    const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: '3CX database' }) });
    // Nobody is there who could do it.
    await waitFor(() => card.getByRole('button', { name: 'Reconnect', exact: true }).isEnabled(), {
      what: 'the result',
    });
    expect(((await card.getByRole('status').textContent()) ?? '').length).toBeGreaterThan(10);
  });

  it('shows a viewer all of it, and nothing that changes anything', async () => {
    await viewer.open('#/');
    await viewer.page.getByRole('heading', { name: '3CX database' }).waitFor();
    expect(await viewer.page.getByRole('button', { name: 'Reconnect' }).count()).toBe(0);
  });

  it('draws a chart when it comes into view, and has its numbers as a table, too', async () => {
    const { page } = viewer;
    await page.setViewportSize({ width: 412, height: 823 });
    await page.reload();
    const below = page.getByRole('heading', { name: 'Active calls' });
    await below.waitFor();
    expect(await page.locator('canvas').count()).toBe(0);
    await below.scrollIntoViewIfNeeded();
    const chart = page.getByRole('figure').filter({ hasText: 'Errors per hour' });
    // Chart.js gives a canvas that it draws on its size.
    await chart.locator('canvas[width]').waitFor();
    expect(await chart.getByRole('row').count()).toBe(0);
    await chart.getByText('As a table').click();
    await chart.getByRole('columnheader').first().waitFor();
    expect(await chart.getByRole('columnheader').allTextContents()).toEqual([
      ...['When', 'Critical, error', 'Warning', 'Info'],
    ]);
  });

  it('says from when on errors are counted when they are too many, and shows no zero before that', async () => {
    const { page } = viewer;
    await page.route('**/admin/stats', async route => {
      const response = await route.fetch();
      const stats = await response.json();
      const hours = stats.errors.last24h as { at: string }[];
      const from = new Date(Date.parse(hours[20]?.at ?? '') + 60_000).toISOString();
      await route.fulfill({ response, json: { ...stats, errors: { ...stats.errors, countedFrom: from } } });
    });
    const chart = page.locator('.card').filter({ hasText: 'Errors per hour' });
    await chart.getByText(/^Too many to count all: those from \d\d:01( [AP]M)? on\.$/).waitFor();
    const cells = chart.getByRole('row').locator('td:nth-child(2)');
    expect(await cells.allTextContents()).toEqual([...Array(20).fill('–'), ...Array(4).fill('0')]);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });

  it('says of each part of the last day how it was, to who points at it', async () => {
    const bar = admin.page.getByRole('img', { name: '3CX database, the last 24 hours' });
    const { width = 0 } = (await bar.boundingBox()) ?? {};
    await bar.hover({ position: { x: width - 2, y: 10 } });
    expect(await bar.locator('title').textContent()).toMatch(/^\d\d:\d\d:\d\d.* – .*: .*(%|no data)/);
  });

  it('has nothing that axe finds, in light and in dark', async () => {
    expect(await admin.findings()).toEqual([]);
    expect(await viewer.findings()).toEqual([]);
  });

  it('moves nothing when its numbers come, on a phone', async () => {
    await log.redis.set(log.keys.ingestStatus, JSON.stringify({ state: 'connected', components: [] }), 'EX', 60);
    await log.redis.set(log.keys.workerStatus, '{}', 'EX', 60);
    const { page } = viewer;
    await page.setViewportSize({ width: 412, height: 823 });
    // Trouble stands above everything, and moves it when it is gone.
    await page.getByText('Everything works').waitFor();
    await page.addInitScript(`
      globalThis.shifts = [];
      new PerformanceObserver(list => shifts.push(...list.getEntries().map(({ value }) => value)))
        .observe({ type: 'layout-shift', buffered: true });
    `);
    // The components come last, when everything beneath them is there.
    await page.route(/\/admin\/connections\?/, async route => {
      await page.getByRole('heading', { name: 'Active calls' }).waitFor();
      await route.continue();
    });
    // Whoever reloads further down is brought back there, while what is above still grows.
    await page.evaluate('scrollTo(0, 0)');
    await page.reload();
    await page.getByRole('heading', { name: '3CX database' }).waitFor();
    await page.unrouteAll();
    const shifts = await page.evaluate<number[]>('shifts');
    // What the Web Vitals call good.
    expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.1);
  });

  it('makes on a phone what comes near, and nothing before', async () => {
    const { page } = viewer;
    await page.setViewportSize({ width: 412, height: 823 });
    await page.evaluate('scrollTo(0, 0)');
    await page.reload();
    const cards = page.getByRole('region', { name: 'Components' }).getByRole('listitem');
    const made = cards.filter({ has: page.getByRole('heading') });
    await made.first().waitFor();
    const [before, all] = [await made.count(), await cards.count()];
    expect(before).toBeLessThan(all);
    // One that comes near is made anew: it is not waited for that it stands still.
    for (let place = 0; place < all; place += 1) await cards.nth(place).evaluate(card => card.scrollIntoView());
    await waitFor(async () => (await made.count()) === all, { what: 'the other components' });
    await page.getByRole('heading', { name: 'Active calls' }).scrollIntoViewIfNeeded();
    await page.getByText('No calls right now').waitFor();
  });
});
