import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';
import { activeCall } from '../integration/fixtures/active-call.ts';

/** From the admin who makes a link to the screen that shows it, until it is revoked. */
describe.skipIf(!hasBrowser)('wallboards', () => {
  let relay: TestRelay;
  let log: LogFiller;
  let admin: SignedInTester;
  let browser: Browser;
  let tab: PanelTab;
  let screen: Page;
  let link: string;

  beforeAll(async () => {
    relay = await startTestRelay();
    log = createLogFiller(relay);
    const at = Date.now();
    await log.append([
      {
        ...{ type: 'call_event', at, event: 'call.started', body: `{"at":"${new Date(at).toISOString()}"}` },
        state: [
          activeCall('c1', { state: 'connected', answeredAt: new Date(at).toISOString() }),
          activeCall('c2', { state: 'ringing' }),
        ],
      },
    ]);
    browser = await sharedBrowser();
    admin = await signInAs(relay);
    tab = await openPanelTab(browser, relay.url, admin);
    screen = await browser.newPage();
  });

  afterEach(() => expect(tab.complaints.splice(0)).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await log?.stop();
    await relay?.stop();
  });

  it('makes a link that is shown once', async () => {
    const { page } = tab;
    await tab.open('#/wallboards');
    await page.getByRole('button', { name: 'New wallboard' }).click();
    await page.getByLabel('Which screen?').fill('Hall');
    await page.getByRole('button', { name: 'Make link' }).click();
    link = (await page.getByRole('dialog').locator('code').first().textContent()) ?? '';
    expect(link).toContain('/admin/#/wall/');
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.getByRole('cell', { name: 'Hall', exact: true }).waitFor();
    expect(await page.content()).not.toContain(link);
    expect(await tab.findings()).toEqual([]);
  });

  it('shows the board where nobody is signed in, and takes the secret out of the address', async () => {
    await screen.goto(link);
    await screen.getByText('Calls now').waitFor();
    await screen.getByText('Live', { exact: true }).waitFor();
    expect(new URL(screen.url()).hash).toBe('#/wall');
    await screen.reload();
    await screen.getByText('Live', { exact: true }).waitFor();
  });

  it('says on the screen that it has ended when it is revoked', async () => {
    const { page } = tab;
    await page.getByRole('button', { name: 'Revoke Hall' }).click();
    await page.getByRole('button', { name: 'Revoke wallboard' }).click();
    await page.getByText('revoked', { exact: true }).waitFor();
    await screen.getByText('This wallboard has ended').waitFor();
  });

  it('says on the screen that it has ended when its days are over', async () => {
    const ended = await makeLink('Canteen');
    await screen.goto(new URL(`admin/${ended.path}`, relay.url).href);
    await screen.getByText('Live', { exact: true }).waitFor();
    await changeLink(ended.id, `expires_at = now() - interval '1 second'`);
    await screen.getByText('This wallboard has ended').waitFor();
    await tab.open('#/wallboards');
    await tab.page.getByRole('row', { name: /^Canteen ended/ }).waitFor();
  });

  it('shows calls and queues without names or whole numbers, as dark as the link says', async () => {
    const { path } = await makeLink('Desk');
    await screen.goto(new URL(`admin/${path}?theme=dark`, relay.url).href);
    await screen.getByRole('region', { name: 'Queues' }).getByText('1 waiting').waitFor();
    const calls = screen.getByRole('region', { name: 'Calls', exact: true });
    expect(await calls.getByRole('listitem').count()).toBe(2);
    await calls.getByText('•••56 → 101').first().waitFor();
    const text = await screen.getByRole('main').textContent();
    expect(text).not.toMatch(/Grace|4930123456/);
    // What fixes how it looks stays in the address when the secret goes.
    expect(new URL(screen.url()).hash).toBe('#/wall?theme=dark');
    const main = screen.getByRole('main');
    const canvas = () =>
      main.evaluate(element => element.ownerDocument.defaultView.getComputedStyle(element).backgroundColor);
    await waitFor(async () => (await canvas()) === 'rgb(15, 20, 22)', { what: 'the dark canvas' });
  });

  it('says how old its data is when no more comes, and is live again by itself', async () => {
    const away = '**/wallboards/board?*';
    await screen.clock.install();
    await screen.reload();
    await screen.getByText('Live', { exact: true }).waitFor();
    await screen.route(away, route => route.abort());
    await screen.clock.fastForward(20_000);
    await screen.getByText(/^No data for 0:\d\d$/).waitFor();
    // What was there last stays in view.
    await screen.getByRole('region', { name: 'Queues' }).getByText('1 waiting').waitFor();
    await screen.unroute(away);
    await screen.getByText('Live', { exact: true }).waitFor();
  });

  it('shows a viewer no links', async () => {
    const viewerTab = await openPanelTab(browser, relay.url, await signInAs(relay, { role: 'viewer' }));
    await viewerTab.open('#/');
    expect(await viewerTab.page.getByRole('link', { name: 'Wallboards' }).count()).toBe(0);
    await viewerTab.open('#/wallboards');
    await viewerTab.page.getByText('Only admins see the links of wallboards').waitFor();
    expect(await viewerTab.page.getByRole('button', { name: 'New wallboard' }).count()).toBe(0);
    expect(await viewerTab.page.getByRole('link', { name: 'Open the wallboard' }).isVisible()).toBe(true);
    expect(await viewerTab.findings()).toEqual([]);
    // The browser would say so of every answer of 403: what is not for him is not asked for.
    expect(viewerTab.complaints).toEqual([]);
    await viewerTab.close();
  });

  async function makeLink(name: string): Promise<{ id: number; path: string }> {
    return (await admin.browser('POST', '/admin/wallboards', { name, expiresInDays: 30 })).body;
  }

  async function changeLink(id: number, change: string): Promise<void> {
    const client = new pg.Client({ connectionString: relay.databaseUrl });
    await client.connect();
    await client.query(`UPDATE wallboards SET ${change} WHERE id = $1`, [id]);
    await client.end();
  }
});
