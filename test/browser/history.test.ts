import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createHistoryStand, endedCall, endOf, type HistoryStand } from '../integration/fixtures/history-stand.ts';

const CALLS = 130;
const STEP_MS = 60_000;
const FIRST_AT = Date.now() - CALLS * STEP_MS - 3_600_000;
const calls = Array.from({ length: CALLS }, (_, i) => endedCall(i + 1, FIRST_AT + i * STEP_MS));
const answered = calls.filter(({ disposition }) => disposition === 'answered').length;

/** History as an auditor uses it. He is a viewer: it reads, so that he may do everything here. */
describe.skipIf(!hasBrowser)('the history', () => {
  let stand: HistoryStand;
  let browser: Browser;
  let tab: PanelTab;

  beforeAll(async () => {
    stand = await createHistoryStand();
    await stand.filler.append(calls.map(endOf));
    await stand.persist();
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, stand.relay.url, await signInAs(stand.relay, { role: 'viewer' }));
  });

  afterEach(() => expect(tab.complaints.splice(0).filter(text => !/400 \(Bad Request\)/.test(text))).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await stand?.stop();
  });

  const callsCard = () => tab.page.getByRole('region', { name: 'Calls', exact: true });
  /** Numbers of the calls in view, as their callers tell. */
  const shown = async () =>
    (await callsCard().locator('tbody tr').allInnerTexts()).map(text => Number(/Caller (\d+)/.exec(text)?.[1] ?? 7));
  const shows = (numbers: readonly number[]) =>
    waitFor(async () => JSON.stringify(await shown()) === JSON.stringify(numbers), { what: `calls ${numbers[0]} …` });
  const down = (from: number, count: number) => Array.from({ length: count }, (_, i) => from - i);
  const address = () => new URL(tab.page.url()).hash;

  it('shows the newest calls with their sums, and nothing to find fault with in light and dark', async () => {
    await tab.open('#/history');
    await shows(down(130, 50));
    const figures = tab.page.getByRole('region', { name: 'Figures' });
    await figures.getByText(String(CALLS), { exact: true }).first().waitFor();
    await figures
      .getByText(`${Math.round((100 * answered) / CALLS)}%`)
      .first()
      .waitFor();
    expect(await tab.findings()).toEqual([]);
  });

  it('keeps its place on the way to older calls and back, while new ones come', async () => {
    const { page } = tab;
    await page.getByRole('button', { name: 'Older' }).press('Enter');
    await shows(down(80, 50));
    const late = endedCall(131, FIRST_AT + 130 * STEP_MS);
    await stand.filler.append([endOf(late)]);
    await stand.persist();
    await page.getByRole('button', { name: 'Older' }).press('Enter');
    await shows(down(30, 30));
    await page.getByRole('button', { name: 'Newer' }).press('Enter');
    await shows(down(80, 50));
    await page.goBack();
    await shows(down(30, 30));
    await page.getByRole('button', { name: 'Newest' }).click();
    await shows(down(131, 50));
  });

  it('narrows the calls by what stands in the address, and says what the figures do not know of', async () => {
    const { page } = tab;
    await page.getByLabel('Result').selectOption('missed');
    await page.getByLabel('Queue or group').fill('800');
    await page.keyboard.press('Enter');
    await shows(calls.flatMap((_, i) => ((i + 1) % 15 === 0 ? [i + 1] : [])).reverse());
    expect(address()).toContain('disposition=missed&queue=800');
    await page.getByText('not narrowed by result').waitFor();
    await page.goBack();
    await waitFor(async () => (await shown()).length > 40, { what: 'the calls before the last filter' });
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await shows(down(131, 50));
  });

  it('shows a filter that is not understood beside its field', async () => {
    const dn = tab.page.getByLabel('Extension', { exact: true });
    await dn.fill('1'.repeat(150));
    await dn.press('Enter');
    await waitFor(async () => (await dn.getAttribute('aria-invalid')) === 'true', { what: 'the field to be marked' });
    await dn.fill('');
    await dn.press('Enter');
    await shows(down(131, 50));
  });

  it('looks on by itself when the relay answers with no calls and the place it reached', async () => {
    const { page } = tab;
    const searches = /history\/calls\?.*number=/;
    let asked = 0;
    await page.route(searches, async route => {
      asked += 1;
      if (asked > 2) return route.continue();
      const reached = await stand.get(`/relay/history/calls?call=${calls[50 - asked]?.callId}`);
      const [call] = ((await reached.json()) as { calls: { cursor: string }[] }).calls;
      await route.fulfill({ json: { calls: [], next: call?.cursor, more: true } });
    });
    await page.getByLabel('Number').fill('+49 30 1000040');
    await page.keyboard.press('Enter');
    await shows([40]);
    expect(asked).toBe(3);
    await page.unroute(searches);
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await shows(down(131, 50));
  });

  it('a call leads to its timeline', async () => {
    const link = callsCard().locator('tbody a').first();
    expect(await link.getAttribute('href')).toBe(`#/calls/${endedCall(131, FIRST_AT + 130 * STEP_MS).callId}`);
  });

  it.each([
    { format: 'CSV', said: 'Complete: 131 rows' },
    { format: 'NDJSON', said: 'Complete: 131 rows' },
    { format: 'Parquet', said: 'Complete: ' },
  ])('exports all calls as $format, says that they are complete, and is audited', async ({ format, said }) => {
    const { page } = tab;
    const [download] = await Promise.all([page.waitForEvent('download'), startExport(format)]);
    await page.getByText(said).waitFor();
    expect(download.suggestedFilename()).toMatch(/^calls_.*\.(csv|ndjson|parquet)$/);
    const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\n');
    if (format === 'CSV') expect(lines).toHaveLength(132);
    if (format === 'NDJSON') expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ complete: true, rows: 131 });
    await waitFor(
      async () => {
        await stand.persist();
        const response = await stand.get('/relay/history/audit?action=history.export&limit=1&outcome=done');
        const { entries } = (await response.json()) as { entries: { details: Record<string, unknown> }[] };
        return entries[0]?.details.format === format.toLowerCase() && entries[0].details.rows === 131;
      },
      { what: 'the export in the audit' },
    );
    await page.getByRole('button', { name: 'Dismiss the export of calls' }).click();
  });

  it('says that an export broke off, gives what came, and gets all of it the next time', async () => {
    const { page } = tab;
    const exports = /relay\/history\/calls\?.*format=ndjson/;
    await page.route(exports, route =>
      route.fulfill({ status: 200, contentType: 'application/x-ndjson', body: '{"callId":"a"}\n{"callId":"b"}\n' }),
    );
    await startExport('NDJSON');
    await page.getByText('Cut off after 2 rows').waitFor();
    expect(await page.getByRole('link', { name: 'Save what came' }).getAttribute('href')).toMatch(/^blob:/);
    await page.unroute(exports);
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export again' }).click();
    const whole = await readFile(await (await downloading).path(), 'utf8');
    expect(whole.trimEnd()).toMatch(/\{"complete":true,"rows":131\}$/);
  });

  it('an event opens by the keyboard and leads into the live tail; a time goes along from tab to tab', async () => {
    const { page } = tab;
    await page.getByLabel('Time').selectOption('30d');
    await waitFor(() => address().includes('range=30d'), { what: 'the address' });
    await page.getByRole('link', { name: 'Events', exact: true }).click();
    await page.getByRole('button', { name: 'The message of call.ended' }).first().press('Enter');
    expect(address()).toBe('#/history/events?range=30d');
    await page.getByText('"call.ended"').first().waitFor();
    const tail = await page.getByRole('link', { name: 'In the live tail' }).getAttribute('href');
    expect(tail).toMatch(/^#\/tail\?entry=\w+_0{13}\d{3}$/);
    expect(await tab.findings()).toEqual([]);
  });

  it('leaves no export with the browser once who made it has signed out, or his window is gone', async () => {
    const own = await openPanelTab(browser, stand.relay.url, await signInAs(stand.relay, { role: 'viewer' }));
    const { page } = own;
    const other = await page.context().newPage();
    const kept = () => other.evaluate(namesInPrivateFolder);
    await own.open('#/history');
    await other.goto(new URL('admin/session', stand.relay.url).href);
    const startAndWait = async () => {
      const [download] = await Promise.all([page.waitForEvent('download'), startExport('NDJSON', page)]);
      await download.path();
    };
    await startAndWait();
    expect(await kept()).not.toEqual([]);
    // Another window leaves alone what this one may still save again.
    await other.goto(page.url());
    await other.getByRole('heading', { level: 1 }).waitFor();
    expect(await kept()).not.toEqual([]);
    await page.reload();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await waitFor(async () => (await kept()).length === 0, { what: 'what the window had left behind to be removed' });
    await startAndWait();
    expect(await kept()).not.toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await waitFor(async () => (await kept()).length === 0, { what: 'the export to be removed' });
    await own.close();
  });

  async function startExport(format: string, page = tab.page): Promise<void> {
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    await page.getByRole('radio', { name: new RegExp(`^${format}`) }).check();
    await page.getByRole('button', { name: `Export ${format}` }).click();
  }
});

/** In the page: what the browser keeps for this site. */
async function namesInPrivateFolder(): Promise<string[]> {
  const { storage } = navigator as unknown as {
    storage: { getDirectory(): Promise<{ keys(): AsyncIterable<string> }> };
  };
  const names: string[] = [];
  for await (const name of (await storage.getDirectory()).keys()) names.push(name);
  return names;
}
