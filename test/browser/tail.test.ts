import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from '../integration/fixtures/tcp-proxy.ts';

/** The live tail as a viewer sees it: it reads, so that he may do everything here. */
describe.skipIf(!hasBrowser)('the live tail', () => {
  let relay: TestRelay;
  let log: LogFiller;
  let proxy: TcpProxy;
  let viewer: SignedInTester;
  let browser: Browser;
  let tab: PanelTab;

  beforeAll(async () => {
    relay = await startTestRelay();
    log = createLogFiller(relay);
    await log.fill(300);
    await log.fill(1, { dn: '150', event: 'call.ended' });
    proxy = await startTcpProxy(relay.url);
    viewer = await signInAs(relay, { role: 'viewer' });
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, proxy.url, viewer);
  });

  afterEach(() => expect(tab.complaints.splice(0).filter(text => !/ERR_|WebSocket/.test(text))).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await proxy?.stop();
    await log?.stop();
    await relay?.stop();
  });

  /** Numbers of the entries in view. */
  const shown = () =>
    tab.page
      .locator('[data-row]')
      .evaluateAll(rows => rows.map(row => Number(row.getAttribute('data-row')?.slice(-16))));
  const shows = (seq: number) =>
    waitFor(async () => (await shown()).at(-1) === seq, { what: `row ${seq}`, timeoutMs: 15_000 });

  it('begins with the newest that are there and goes on with what comes', async () => {
    await tab.open('#/tail');
    await shows(301);
    await log.fill(5);
    await shows(306);
    const rows = await shown();
    expect(rows).toEqual(rows.map((_, place) => 306 - rows.length + 1 + place));
    expect(rows.length).toBeLessThan(60);
  });

  it('pauses on Space, counts what arrives, and shows it when it goes on', async () => {
    const { page } = tab;
    await page.keyboard.press('Space');
    await page.getByText('Paused', { exact: true }).waitFor();
    await log.fill(7);
    const jump = page.getByRole('button', { name: '7 new · Jump to live' });
    await jump.waitFor();
    expect((await shown()).at(-1)).toBe(306);
    await page.keyboard.press('End');
    await shows(313);
  });

  it('pauses when somebody scrolls up, and goes on at the end', async () => {
    const { page } = tab;
    const frame = page.getByRole('region', { name: 'Events, the newest last' });
    await frame.evaluate(list => list.scrollBy(0, -400));
    await page.getByText('Paused', { exact: true }).waitFor();
    await frame.evaluate(list => list.scrollTo(0, list.scrollHeight));
    await page.getByText('Live', { exact: true }).last().waitFor();
  });

  it('does not go on at the end when it was paused by Space, though a scroll paused it before', async () => {
    const { page } = tab;
    const frame = page.getByRole('region', { name: 'Events, the newest last' });
    await frame.evaluate(list => list.scrollBy(0, -400));
    await page.getByText('Paused', { exact: true }).waitFor();
    await page.keyboard.press('End');
    await page.getByText('Live', { exact: true }).last().waitFor();
    await page.keyboard.press('Space');
    await page.getByText('Paused', { exact: true }).waitFor();
    // The panel's own listener is called first.
    const scrollTo = (place: 'up' | 'end') =>
      frame.evaluate(async (list, to) => {
        const isTold = new Promise(resolve => list.addEventListener('scroll', resolve, { once: true }));
        list.scrollTo(0, to === 'end' ? list.scrollHeight : list.scrollTop - 400);
        await isTold;
      }, place);
    await scrollTo('up');
    await scrollTo('end');
    expect(await page.getByText('Paused', { exact: true }).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Jump to live' }).click();
    await page.getByText('Live', { exact: true }).last().waitFor();
  });

  it('measures at once what it has made larger: it would take its own growth for scrolling', async () => {
    const frame = tab.page.getByRole('region', { name: 'Events, the newest last' });
    const grownBy = await frame.evaluate(list => {
      const space = list.firstElementChild;
      const { height } = space.style;
      const before = list.scrollHeight;
      space.style.height = `${before + 70}px`;
      const after = list.scrollHeight;
      space.style.height = height;
      return after - before;
    });
    expect(grownBy).toBe(70);
  });

  it('opens a row with the keyboard, and a value in it becomes a filter that stands in the address', async () => {
    const { page } = tab;
    await page.locator('[data-row][tabindex="0"]').focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    const message = page.getByRole('group', { name: 'The message as the relay sent it' });
    await message.getByRole('button', { name: '"call.updated"' }).click();
    await page.waitForURL(/#\/tail\?event=call\.updated$/);
    await page.getByRole('button', { name: 'Remove the filter Event call.updated' }).click();
    await page.waitForURL(/#\/tail$/);
    await shows(313);
  });

  it('shows what matches alone, from the past and live', async () => {
    await tab.open('#/tail?dn=150');
    await shows(301);
    expect(await shown()).toEqual([301]);
    await log.fill(3);
    await log.fill(1, { dn: '150' });
    await shows(317);
    expect(await shown()).toEqual([301, 317]);
  });

  it('opens the entry that a link names, and replays from there until now', async () => {
    const { page } = tab;
    const { body } = await viewer.script('GET', '/admin/relay/events?order=desc&limit=20');
    await tab.open(`#/tail?channel=calls&entry=${body.events.at(-1).id}`);
    await page.getByRole('button', { name: 'Copy link' }).waitFor();
    expect((await shown()).at(-1)).toBe(298);
    await page.getByText('Fastest').click();
    await page.getByRole('button', { name: 'Go on' }).click();
    await shows(317);
    await page.getByText('Live', { exact: true }).last().waitFor();
  });

  it('says that it is cut off, comes back by itself, and has no gap and no repetition', async () => {
    await tab.open('#/tail?channel=calls');
    await shows(317);
    await proxy.cut();
    await tab.page.getByText(/Disconnected since/).waitFor();
    await log.fill(8);
    await proxy.restore();
    await shows(325);
    await tab.page.getByText('Connected again').waitFor();
    const rows = await shown();
    expect(rows).toEqual(rows.map((_, place) => 325 - rows.length + 1 + place));
  });

  it('stays at the end, and live, while rows arrive and the window changes', async () => {
    const { page } = tab;
    for (let turn = 1; turn <= 8; turn += 1) {
      await log.fill(3);
      await page.setViewportSize({ width: 1280, height: turn % 2 === 0 ? 800 : 900 });
      await shows(325 + turn * 3);
    }
    expect(await page.getByText('Paused', { exact: true }).count()).toBe(0);
  });

  it('begins with the entries of a channel in their order, though a clock was set back', async () => {
    await log.fill(1, { at: Date.now() - 3_600_000 });
    await tab.open('#/tail');
    await shows(350);
  });

  it('leaves room for a notice above it, and keeps the newest row in the window', async () => {
    const { page } = tab;
    await page.getByText('Ingest is not running.').waitFor();
    const newest = page.locator('[data-row]').last();
    const { bottom, height } = await newest.evaluate(row => ({
      bottom: row.getBoundingClientRect().bottom,
      height: (globalThis as unknown as { innerHeight: number }).innerHeight,
    }));
    expect(bottom).toBeLessThanOrEqual(height);
  });

  it('has nothing that axe finds, in light and in dark', async () => {
    expect(await tab.findings()).toEqual([]);
  });
});
