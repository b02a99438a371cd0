import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { signInAs } from '../harness/sign-in.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * The whole product, with the panel open on the tail while calls go on. One process after the other is killed with
 * SIGKILL and started again; the page is loaded once, and nobody touches it but to read its rows.
 */
describe.skipIf(!hasBrowser)('the live tail while what is behind it dies', { timeout: 40_000 }, () => {
  let system: System;
  let browser: Browser;
  let tab: PanelTab;

  beforeAll(async () => {
    system = await startSystem({ SIM_CALLS_PER_MINUTE: '60', SIM_TIME_SCALE: '0.05' });
    const url = system.relayUrl;
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, url, await signInAs({ url, databaseUrl: system.databaseUrl }));
    await tab.open('#/tail');
    // Gone with the document: it tells whether the page was loaded again.
    await tab.page.evaluate(() => Object.assign(globalThis, { isFirstDocument: true }));
    await rowsReach(1);
  });

  afterAll(async () => {
    await closeTabs(browser);
    await system?.stop();
  });

  it('the relay: the panel says that it is cut off, and goes on in the same session', async () => {
    const before = await lastLogged();
    await system.service('relay').kill();
    await notice('Disconnected since').waitFor();
    await tab.page.getByText('Offline since').waitFor();
    await system.restart('relay');
    await notice('Connected again').waitFor();
    await goneOnBehind(before);
    expect(await tab.page.evaluate(async () => (await fetch('./session')).status)).toBe(200);
  });

  it('the worker: the panel says that the history is behind, and events go on', async () => {
    const before = await lastLogged();
    await system.service('worker').kill();
    await notice('The history is behind.').waitFor();
    await rowsReach((await lastLogged()) + 1);
    await system.restart('worker');
    await notice('The history is behind.').waitFor({ state: 'detached' });
    await goneOnBehind(before);
  });

  it('ingest: the panel says that nothing comes from the phone system, and shows the gap', async () => {
    const before = await lastLogged();
    await system.service('ingest').kill();
    await notice('Ingest is not running.').waitFor();
    await system.restart('ingest');
    await notice('Ingest is not running.').waitFor({ state: 'detached' });
    await goneOnBehind(before);
    expect((await entries('calls')).some(({ seq, type }) => seq > before && type === 'gap')).toBe(true);
  });

  it('Redis: the panel says so, and shows what happened meanwhile', async () => {
    const before = await lastLogged();
    const startRedis = await system.killRedis();
    await notice('Redis does not answer.').waitFor();
    await startRedis();
    await notice('Redis does not answer.').waitFor({ state: 'detached' });
    await goneOnBehind(before);
    expect((await entries('calls')).filter(({ seq, type }) => seq > before && type === 'gap')).toEqual([]);
  });

  it('a log that takes no entries: the panel says so and not that ingest is away, and shows what happened meanwhile', async () => {
    const before = await lastLogged();
    const words = 'The event log does not take what ingest writes.';
    await system.redis.acl('SETUSER', 'default', '-xadd');
    try {
      await notice(words).waitFor();
      expect(await notice('Ingest is not running.').count()).toBe(0);
    } finally {
      await system.redis.acl('SETUSER', 'default', '+xadd');
    }
    await notice(words).waitFor({ state: 'detached' });
    await goneOnBehind(before);
    expect((await entries('calls')).filter(({ seq, type }) => seq > before && type === 'gap')).toEqual([]);
  });

  const notice = (words: string) => tab.page.getByRole('main').getByText(words);

  /** What the log in Redis has of a channel, earliest first. */
  async function entries(channel: 'calls' | 'errors'): Promise<{ seq: number; type: string | undefined }[]> {
    const found = await system.redis.xrange(system.keys.log(channel), '-', '+');
    return found.map(([id, fields]) => ({ seq: Number.parseInt(id, 10), type: fields[fields.indexOf('t') + 1] }));
  }

  const lastLogged = async () => (await entries('calls')).at(-1)?.seq ?? 0;

  /** Channel and number of the entries in view, as they stand there. */
  const shown = () => tab.page.locator('[data-row]').evaluateAll(rows => rows.map(row => row.getAttribute('data-row')));

  const rowsReach = (seq: number) =>
    waitFor(async () => (await shown()).some(key => key?.startsWith('calls ') && Number(key.slice(-16)) >= seq), {
      what: `the row of entry ${seq}`,
    });

  /** Every row of the list from its first to its last, which are only drawn where it is scrolled to. */
  async function allRows(): Promise<string[]> {
    const { page } = tab;
    await page.keyboard.press('Space');
    await page.getByText('Paused', { exact: true }).waitFor();
    const list = page.getByRole('region', { name: 'Events, the newest last' });
    const keys = new Map<number, string | null>();
    const { height, screen } = await list.evaluate(({ scrollHeight, clientHeight }) => ({
      ...{ height: scrollHeight, screen: clientHeight },
    }));
    for (let top = 0; top < height; top += screen) {
      await list.evaluate(scrollAndDraw, top);
      const rows = await list.locator('li:has([data-row])').evaluateAll(drawn =>
        drawn.map(row => ({
          place: Number(row.getAttribute('aria-posinset')),
          key: row.querySelector('[data-row]')?.getAttribute('data-row') ?? null,
        })),
      );
      for (const { place, key } of rows) keys.set(place, key);
    }
    await page.keyboard.press('End');
    await page.getByText('Paused', { exact: true }).waitFor({ state: 'detached' });
    return [...keys].sort(([a], [b]) => a - b).map(([, key]) => key ?? 'a row without a key');
  }

  /** The tail has come past what is logged now, and has each entry between its first and last row once and in order. */
  async function goneOnBehind(before: number): Promise<void> {
    await rowsReach((await lastLogged()) + 1);
    const rows = await allRows();
    for (const channel of ['calls', 'errors'] as const) {
      const seqs = rows.filter(key => key.startsWith(`${channel} `)).map(key => Number(key.slice(-16)));
      const [first = 0, last = 0] = [seqs[0], seqs.at(-1)];
      const logged = (await entries(channel)).map(({ seq }) => seq).filter(seq => seq >= first && seq <= last);
      expect(seqs).toEqual(seqs.length === 0 ? [] : logged);
      if (channel === 'calls') expect([first <= before, last > before]).toEqual([true, true]);
    }
    expect(await tab.page.evaluate(() => 'isFirstDocument' in globalThis)).toBe(true);
    await tab.page.getByRole('button', { name: 'Sign out' }).waitFor();
  }
});

/** In the page: resolves when what stands there is on the screen. */
function scrollAndDraw(list: { scrollTop: number }, top: number): Promise<void> {
  const page = globalThis as unknown as { requestAnimationFrame(draw: () => void): void };
  list.scrollTop = top;
  return new Promise(resolve => page.requestAnimationFrame(() => page.requestAnimationFrame(() => resolve())));
}
