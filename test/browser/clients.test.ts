import { once } from 'node:events';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';

describe.skipIf(!hasBrowser)('the page of clients', () => {
  let relay: TestRelay;
  let viewer: SignedInTester;
  let browser: Browser;
  let tab: PanelTab;
  let viewerTab: PanelTab;
  let socket: WebSocket;
  let crm: { id: number; apiKey: string };

  beforeAll(async () => {
    relay = await startTestRelay();
    const admin = await signInAs(relay);
    viewer = await signInAs(relay, { role: 'viewer' });
    const answer = await admin.script('POST', '/admin/api-keys', { clientName: 'CRM', permissions: ['read'] });
    crm = answer.body;
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, relay.url, admin);
    viewerTab = await openPanelTab(browser, relay.url, viewer);
    socket = await connect();
  });

  afterEach(() => expect([...tab.complaints.splice(0), ...viewerTab.complaints.splice(0)]).toEqual([]));

  afterAll(async () => {
    socket?.terminate();
    await closeTabs(browser);
    await relay?.stop();
  });

  async function connect(): Promise<WebSocket> {
    const url = `${relay.url.replace('http', 'ws')}/relay/ws?channels=calls&dn=101`;
    const opened = new WebSocket(url, { headers: { authorization: `Bearer ${crm.apiKey}` } });
    await once(opened, 'message');
    return opened;
  }

  const rowOf = (where: PanelTab) =>
    where.page
      .getByRole('list', { name: 'Connected clients' })
      .getByRole('listitem')
      .filter({ hasText: 'CRM' })
      .first();

  it('shows who is connected, from where, what he follows and that he is not behind', async () => {
    await tab.open('#/clients');
    const row = rowOf(tab);
    await row.waitFor();
    const text = (await row.textContent()) ?? '';
    for (const fact of ['WebSocket', '127.0.0.1', 'calls', 'Live', 'dn: 101', '0 B queued'])
      expect(text).toContain(fact);
    await row.getByRole('link', { name: 'CRM' }).click();
    await tab.page.getByRole('heading', { name: 'CRM', level: 1 }).waitFor();
    await rowOf(tab).waitFor();
  });

  it('keeps its order and its search in the address', async () => {
    await tab.open('#/clients');
    await tab.page.getByText('Most behind').click();
    await tab.page.waitForURL(/sort=lag/);
    await tab.page.getByLabel('Search clients').fill('nobody');
    await tab.page.getByText('No client matches').waitFor();
    await tab.page.getByRole('button', { name: 'Clear the search' }).click();
    await rowOf(tab).waitFor();
  });

  it('disconnects a client after asking, with the close code that lets it come back', async () => {
    const closed = once(socket, 'close');
    await tab.page.getByRole('button', { name: 'Disconnect CRM' }).click();
    await tab.page.getByRole('button', { name: 'Disconnect', exact: true }).click();
    expect((await closed)[0]).toBe(1012);
    // Under the pointer nothing moves: a row that it rests on stays, as one that is gone.
    await tab.page.mouse.move(0, 0);
    await rowOf(tab).waitFor({ state: 'detached' });
    socket = await connect();
  });

  it('shows a viewer the same without the way to disconnect, which the relay refuses him', async () => {
    await viewerTab.open('#/clients');
    await rowOf(viewerTab).waitFor();
    expect(await viewerTab.page.getByRole('button', { name: /Disconnect/ }).count()).toBe(0);
    const { body } = await viewer.browser('GET', '/admin/clients');
    const { status } = await viewer.browser('POST', `/admin/clients/${body.clients[0].session}/disconnect`);
    expect(status).toBe(403);
  });

  it('has nothing that axe finds, in light and in dark', async () => {
    await tab.open('#/clients');
    await rowOf(tab).waitFor();
    expect(await tab.findings()).toEqual([]);
  });
});
