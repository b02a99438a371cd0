import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';
import { startTcpProxy } from '../integration/fixtures/tcp-proxy.ts';

const run = promisify(execFile);
const DAY_MS = 24 * 3_600_000;

describe.skipIf(!hasBrowser)('the pages of API keys', () => {
  let relay: TestRelay;
  let admin: SignedInTester;
  let viewer: SignedInTester;
  let browser: Browser;
  let tab: PanelTab;
  let viewerTab: PanelTab;
  /** The key that the wizard made, as the page showed it. */
  let made: { id: number; apiKey: string };

  beforeAll(async () => {
    relay = await startTestRelay();
    [admin, viewer, browser] = await Promise.all([
      signInAs(relay),
      signInAs(relay, { role: 'viewer' }),
      sharedBrowser(),
    ]);
    tab = await openPanelTab(browser, relay.url, admin);
    viewerTab = await openPanelTab(browser, relay.url, viewer);
  });

  afterEach(() => expect([...tab.complaints.splice(0), ...viewerTab.complaints.splice(0)]).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await relay?.stop();
  });

  const keys = async () => (await admin.script('GET', '/admin/api-keys')).body.apiKeys;
  const keyNamed = async (name: string) =>
    (await keys()).find((key: { clientName: string }) => key.clientName === name);
  const go = (name: string) => tab.page.getByRole('button', { name }).click();

  it('makes a key in four steps by the keyboard alone, with the permissions of what it is for, for a year', async () => {
    const { page } = tab;
    await tab.open('#/api-keys/new');
    await page.getByRole('radio', { name: 'CRM screen-pop' }).focus();
    await page.keyboard.press('Space');
    await page.getByLabel('Who uses it?').focus();
    await page.keyboard.type("Lena's CRM");
    await page.keyboard.press('Enter');
    await page.getByRole('checkbox', { name: 'Read history' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByLabel('Connections at once').focus();
    await page.keyboard.type('3');
    await page.keyboard.press('Enter');
    await page.getByRole('radio', { name: 'One year', checked: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: "The key for Lena's CRM" }).waitFor();
    const key = await keyNamed("Lena's CRM");
    expect(key).toMatchObject({ permissions: ['read', 'history'], dns: null, maxConnections: 3, state: 'active' });
    expect((Date.parse(key.expiresAt) - Date.now()) / DAY_MS).toBeCloseTo(365, 1);
    made = { id: key.id, apiKey: (await page.locator('code').first().textContent()) ?? '' };
  });

  it('shows a curl line that works as it stands, and a wscat line whose address and header let a client in', async () => {
    const lines = await tab.page.locator('code').allTextContents();
    const curl = lines.find(line => line.startsWith('curl ')) ?? '';
    const { stdout } = await run('sh', ['-c', curl]);
    expect(JSON.parse(stdout)).toHaveProperty('calls');
    const [, header = '', url = ''] =
      /^wscat -H 'Authorization: (.*)' -c '(.*)'$/.exec(lines.find(line => line.startsWith('wscat -H')) ?? '') ?? [];
    const socket = new WebSocket(url, { headers: { authorization: header } });
    const [first] = await once(socket, 'message');
    expect(JSON.parse(String(first))).toMatchObject({ type: 'hello', channels: { calls: {} } });
    socket.close();
  });

  it('gives the key as a file .env that names the relay and the key', async () => {
    const [download] = await Promise.all([tab.page.waitForEvent('download'), go('Download as .env')]);
    expect(download.suggestedFilename()).toBe('lena-s-crm.env');
    const chunks = await (await download.createReadStream()).toArray();
    expect(Buffer.concat(chunks).toString()).toContain(`RELAY_URL=${relay.url}/\nAPI_KEY=${made.apiKey}\n`);
  });

  it('shows the key never again', async () => {
    await tab.page.getByRole('link', { name: 'I have stored it' }).click();
    await tab.page.getByRole('heading', { name: "Lena's CRM", level: 1, exact: true }).waitFor();
    await tab.page.goBack();
    await tab.page.getByRole('heading', { name: 'New API key' }).waitFor();
    expect(await tab.page.content()).not.toContain(made.apiKey);
  });

  it('lets a key that never ends be made only by who says that he means it, and shows what the relay refuses where it was filled in', async () => {
    const { page } = tab;
    await tab.open('#/api-keys/new');
    await page.getByRole('radio', { name: 'Monitoring' }).check();
    await page.getByLabel('Who uses it?').fill('Probe');
    await go('Continue');
    await page.getByRole('checkbox', { name: 'Monitor' }).waitFor();
    await go('Continue');
    await page.getByLabel('Addresses').fill('10.0.0.0/8, next door');
    await go('Continue');
    await page.getByRole('radio', { name: 'Never' }).check();
    await go('Create key');
    await page.getByText('Say that you mean it').waitFor();
    expect(await keyNamed('Probe')).toBeUndefined();
    await page.getByLabel('I know that').check();
    await go('Create key');
    await page.getByText('must be an IP address or a CIDR range').waitFor();
    await page.waitForURL(/step=restrictions/);
    expect(await page.getByLabel('Addresses').getAttribute('aria-invalid')).toBe('true');
    // The browser says so of every answer of 400.
    expect(tab.complaints.splice(0).filter(text => !text.includes('status of 400'))).toEqual([]);
    await page.getByLabel('Addresses').fill('10.0.0.0/8');
    await go('Continue');
    await go('Create key');
    await page.getByRole('heading', { name: 'The key for Probe' }).waitFor();
    expect(await keyNamed('Probe')).toMatchObject({
      expiresAt: null,
      addresses: ['10.0.0.0/8'],
      permissions: ['monitor'],
    });
  });

  it('rotates a key: the new one is shown once, and the old one goes on for the time chosen', async () => {
    const { page } = tab;
    await tab.open(`#/api-keys/${made.id}`);
    await go('Rotate…');
    await page.getByRole('radio', { name: 'In 7 days' }).check();
    await go('Rotate key');
    const reveal = page.getByRole('region', { name: 'The new key' });
    const next = (await reveal.locator('code').first().textContent()) ?? '';
    const answer = await fetch(`${relay.url}/relay/active-calls`, { headers: { authorization: `Bearer ${next}` } });
    expect(answer.status).toBe(200);
    const old = (await keys()).find((key: { id: number }) => key.id === made.id);
    expect(old.state).toBe('rotated');
    expect((Date.parse(old.expiresAt) - Date.now()) / DAY_MS).toBeCloseTo(7, 1);
    await page.getByText('Rotated, until').first().waitFor();
  });

  it('revokes a key after saying how many connections that ends, and gives the focus back when it is not wanted', async () => {
    const { page } = tab;
    const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, {
      headers: { authorization: `Bearer ${made.apiKey}` },
    });
    await once(socket, 'message');
    const closed = once(socket, 'close');
    await tab.open(`#/api-keys?show=all`);
    await tab.open(`#/api-keys/${made.id}`);
    await go('Revoke…');
    const dialog = page.getByRole('dialog', { name: "Revoke the key of Lena's CRM?" });
    await dialog.getByText('The connection it has now is closed').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await page.locator(':focus').textContent()).toContain('Revoke…');
    await go('Revoke…');
    await go('Revoke key');
    await page.getByText('Revoked', { exact: true }).first().waitFor();
    expect((await closed)[0]).toBe(4009);
    const [old, next] = (await keys()).filter((key: { clientName: string }) => key.clientName === "Lena's CRM");
    expect([old.state, next.state]).toEqual(['revoked', 'active']);
  });

  it('lists keys in force or all, and searches them, in the address', async () => {
    const { page } = tab;
    await tab.open('#/api-keys?q=lena');
    await page.getByRole('link', { name: "Lena's CRM" }).waitFor();
    await page.locator('label', { hasText: /All \d/ }).click();
    await page.waitForURL(/show=all/);
    await page.getByRole('link', { name: "Lena's CRM" }).nth(1).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: "Lena's CRM" }).nth(1).waitFor({ state: 'detached' });
  });

  it('gives a viewer all of it and nothing that changes anything', async () => {
    const { page } = viewerTab;
    await viewerTab.open('#/api-keys');
    await page.getByRole('link', { name: 'Probe' }).click();
    await page.getByRole('heading', { name: 'Usage' }).waitFor();
    await viewerTab.open('#/api-keys/new');
    await page.getByText('Only an administrator makes keys').waitFor();
    for (const hash of ['#/api-keys', `#/api-keys/${made.id + 1}`]) {
      await viewerTab.open(hash);
      expect(await page.getByRole('button', { name: /Rotate|Revoke|New/ }).count()).toBe(0);
      expect(await page.getByRole('link', { name: 'New API key' }).count()).toBe(0);
    }
    const answers = await Promise.all([
      viewer.browser('POST', '/admin/api-keys', { clientName: 'x', permissions: ['read'] }),
      viewer.browser('POST', `/admin/api-keys/${made.id + 1}/rotate`, { overlapMs: 0 }),
      viewer.browser('DELETE', `/admin/api-keys/${made.id + 1}`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
  });

  it('has nothing that axe finds on any of its pages, in light and in dark', async () => {
    for (const hash of ['#/api-keys?show=all', '#/api-keys/new', `#/api-keys/${made.id}`]) {
      await tab.open(hash);
      await tab.page.getByText('Loading…').first().waitFor({ state: 'detached' });
      expect(await tab.findings()).toEqual([]);
    }
  });

  it('lists the keys while Redis is away, and says that nobody knows who is connected', async () => {
    const proxy = await startTcpProxy(relay.redisUrl);
    const behind = await startTestRelay({
      ...{ DATABASE_URL: relay.databaseUrl, REDIS_URL: proxy.url, PBX_ID: relay.pbxId, RELAY_CLIENTS_WAIT_MS: '200' },
    });
    await relay.keys.generateKey('Left alone', ['read'], 'test');
    const away = await openPanelTab(browser, behind.url, admin);
    await proxy.cut();
    await away.open('#/api-keys');
    await away.page.getByText('Who is connected cannot be told because Redis does not answer: try again.').waitFor();
    await away.page.getByRole('row').filter({ hasText: 'Left alone' }).getByText('unknown').waitFor();
    await proxy.restore();
    await away.page
      .getByRole('row')
      .filter({ hasText: 'Left alone' })
      .getByText('unknown')
      .waitFor({ state: 'detached' });
    await away.close();
    await behind.stop();
    await proxy.stop();
  });
});
