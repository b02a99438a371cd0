import { readFile } from 'node:fs/promises';
import { occurrenceEntry } from '@3cx-relay/shared/errors/error-event.ts';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What failed, until somebody has taken note of it. Each test has a component of its own. */
describe.skipIf(!hasBrowser)('the errors', () => {
  let relay: TestRelay;
  let log: LogFiller;
  let browser: Browser;
  let admin: SignedInTester;
  let tab: PanelTab;
  let viewerTab: PanelTab;

  beforeAll(async () => {
    relay = await startTestRelay();
    log = createLogFiller(relay);
    await write('trunk', ['line lost', 'line lost', 'line lost', 'no answer']);
    await write('disk', ['nearly full'], 'warning');
    await write('desk', ['one', 'two', 'three', 'four']);
    browser = await sharedBrowser();
    admin = await signInAs(relay);
    tab = await openPanelTab(browser, relay.url, admin);
    viewerTab = await openPanelTab(browser, relay.url, await signInAs(relay, { role: 'viewer' }));
  });

  afterEach(() => expect([...tab.complaints.splice(0), ...viewerTab.complaints.splice(0)]).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await log?.stop();
    await relay?.stop();
  });

  /** As a service would write them, those of one message one error. */
  async function write(component: string, messages: string[], severity: 'error' | 'warning' = 'error'): Promise<void> {
    const entries = messages.map((message, n) =>
      occurrenceEntry(Date.now(), {
        ...{ component, message, severity, suppressed: 0, service: 'test', fingerprint: `${component}-${message}` },
        details: { attempt: n },
      }),
    );
    await log.append(entries, 'errors');
  }

  const rows = (page: Page) => page.getByRole('region', { name: 'Errors' }).getByRole('listitem');
  const messages = async (page: Page) =>
    (await rows(page).locator('[aria-expanded]').allInnerTexts()).map(text => text.trim());
  const shows = (wanted: string[], page = tab.page) =>
    waitFor(async () => JSON.stringify(await messages(page)) === JSON.stringify(wanted), {
      what: `the errors ${wanted}`,
    });
  const address = () => new URL(tab.page.url()).hash;

  it('shows what is the same as one row with its number, and each occurrence in it', async () => {
    const { page } = tab;
    await tab.open('#/errors?component=trunk');
    await shows(['no answer', 'line lost']);
    const row = rows(page).filter({ hasText: 'line lost' });
    await row.getByText('× 3').waitFor();
    await row.getByRole('button', { name: 'line lost', exact: true }).press('Enter');
    await row.getByText('the newest 3 of 3').waitFor();
    expect(await row.getByLabel('Occurrence', { exact: true }).locator('option').count()).toBe(3);
    await row.getByLabel('Occurrence', { exact: true }).selectOption('2');
    const link = await row.getByRole('link', { name: 'In the live tail' }).getAttribute('href');
    expect(link).toMatch(/^#\/tail\?channel=errors&entry=\w+_\d{16}$/);
    expect(await tab.findings()).toEqual([]);
  });

  it('counts what comes meanwhile, and shows it when asked', async () => {
    await write('trunk', ['line lost', 'out of order']);
    const news = tab.page.getByRole('button', { name: /new · show$/ });
    await news.waitFor();
    expect(await messages(tab.page)).toEqual(['no answer', 'line lost']);
    await news.press('Enter');
    await shows(['out of order', 'line lost', 'no answer']);
    await rows(tab.page).getByText('× 4').waitFor();
  });

  it('counts no acknowledgement as new, and no error that the list would not show', async () => {
    const { page } = viewerTab;
    await write('paper', ['jam', 'empty']);
    await viewerTab.open('#/errors?component=paper');
    await shows(['empty', 'jam'], page);
    const { body } = await admin.script('GET', '/admin/errors?component=paper');
    const jam = body.errors.find(({ message }: { message: string }) => message === 'jam');
    await admin.browser('POST', `/admin/errors/${jam.id}/acknowledge`, {});
    await write('stove', ['cold']);
    await write('paper', ['empty']);
    await page.getByRole('button', { name: '1 new · show', exact: true }).press('Enter');
    await shows(['empty'], page);
    expect(await page.getByRole('button', { name: /new · show$/ }).count()).toBe(0);
  });

  it('narrows by severity, component and text, and keeps it in the address', async () => {
    const { page } = tab;
    await tab.open('#/errors');
    await page.getByLabel('Severity').selectOption('warning');
    await shows(['nearly full']);
    expect(address()).toBe('#/errors?severity=warning');
    await page.getByLabel('Severity').selectOption('');
    // One that no service of ours writes of, because it stood in the list, and one that none has written of yet.
    const component = page.getByLabel('Component');
    await component.selectOption('disk');
    await shows(['nearly full']);
    expect(address()).toBe('#/errors?component=disk');
    await component.selectOption('postgres');
    await page.getByText('No error matches').waitFor();
    await component.selectOption('');
    await rows(page).filter({ hasText: 'line lost' }).getByRole('button', { name: 'trunk' }).click();
    await shows(['out of order', 'line lost', 'no answer']);
    await page.keyboard.press('/');
    await page.keyboard.type('ORDER');
    await shows(['out of order']);
    expect(address()).toContain('text=ORDER');
    await page.getByLabel('Text', { exact: true }).fill('nobody says this');
    await page.getByRole('button', { name: 'Show all open errors' }).click();
    await waitFor(async () => (await messages(page)).length >= 8, { what: 'all open errors' });
    expect(address()).toBe('#/errors');
  });

  it('one is acknowledged by the keyboard, and stands under acknowledged with who did it', async () => {
    const { page } = tab;
    await tab.open('#/errors?component=desk');
    await shows(['four', 'three', 'two', 'one']);
    await page.getByRole('button', { name: 'Acknowledge: two' }).press('Enter');
    await shows(['four', 'three', 'one']);
    await page.getByText('1 acknowledged.').waitFor();
    await page.getByText('Acknowledged', { exact: true }).click();
    await shows(['two']);
    await rows(page).getByText(`acknowledged by ${admin.user.username}`).waitFor();
    await page.getByText('Open', { exact: true }).click();
    await shows(['four', 'three', 'one']);
  });

  it('several are acknowledged together when they are chosen', async () => {
    const { page } = tab;
    await page.getByRole('checkbox', { name: 'Select: four' }).press('Space');
    await page.getByRole('checkbox', { name: 'Select: one' }).press('Space');
    await page.getByText('2 selected').waitFor();
    await page.getByRole('button', { name: 'Acknowledge selected' }).press('Enter');
    await shows(['three']);
    await page.getByText('2 acknowledged.').waitFor();
  });

  it('all that match are acknowledged after asking, and no other', async () => {
    const { page } = tab;
    await tab.open('#/errors?component=trunk');
    await shows(['out of order', 'line lost', 'no answer']);
    await page.getByRole('button', { name: 'All that match…' }).press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Acknowledge all that match' });
    await dialog.getByText('3 open errors are').waitFor();
    expect(await tab.findings()).toEqual([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await shows(['out of order', 'line lost', 'no answer']);
    await page.getByRole('button', { name: 'All that match…' }).press('Enter');
    await dialog.getByRole('button', { name: 'Acknowledge' }).press('Enter');
    await page.getByText('3 acknowledged.').waitFor();
    await page.getByText('No error matches').waitFor();
    const { body } = await admin.script('GET', '/admin/errors?acknowledged=false&component=desk,disk');
    expect(body.errors.map(({ message }: { message: string }) => message)).toEqual(['three', 'nearly full']);
  });

  it('says when more match than are acknowledged at a time', async () => {
    const { page } = tab;
    await tab.open('#/errors?component=desk');
    await shows(['three']);
    await page.route('**/admin/errors/acknowledge', async route => {
      await route.fulfill({ json: { acknowledged: ['a'], unknown: [], incomplete: 'more match: acknowledge again' } });
    });
    await page.getByRole('button', { name: 'All that match…' }).press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).press('Enter');
    await page.getByText('More match: acknowledge again').waitFor();
    await page.unrouteAll();
  });

  it.each(['CSV', 'NDJSON'])('exports all that match as %s', async format => {
    const { page } = tab;
    await tab.open('#/errors?component=trunk&state=all');
    await shows(['out of order', 'line lost', 'no answer']);
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name: format, exact: true }).press('Enter');
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(new RegExp(`^errors_.+\\.${format.toLowerCase()}$`));
    const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n');
    if (format === 'CSV') expect(lines.filter(line => line.includes('trunk'))).toHaveLength(3);
    else expect(lines.map(line => JSON.parse(line)).at(-1)).toEqual({ complete: true, rows: 3, incomplete: null });
  });

  it('lets a viewer look, narrow and export, and acknowledge nothing', async () => {
    const { page } = viewerTab;
    await viewerTab.open('#/errors?component=desk&state=all');
    await shows(['four', 'three', 'two', 'one'], page);
    await page.getByRole('button', { name: 'three', exact: true }).press('Enter');
    await page.getByRole('link', { name: 'In the live tail' }).waitFor();
    expect(await page.getByRole('link', { name: 'CSV', exact: true }).isVisible()).toBe(true);
    expect(await page.getByRole('checkbox').count()).toBe(0);
    expect(await page.getByRole('button', { name: /^(Acknowledge|All)/ }).count()).toBe(0);
  });
});
