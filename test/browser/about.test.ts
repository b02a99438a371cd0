import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettingMeanings } from '../../admin-ui/setting-meanings.ts';
import { deviceWords } from '../../admin-ui/src/lib/format/device.ts';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller } from '../harness/log-filler.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';

describe.skipIf(!hasBrowser)('the page about the relay', () => {
  let relay: TestRelay;
  let browser: Browser;
  let tab: PanelTab;

  beforeAll(async () => {
    relay = await startTestRelay();
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, relay.url, await signInAs(relay, { role: 'viewer' }));
  });

  afterAll(async () => {
    await closeTabs(browser);
    await relay?.stop();
  });

  it('shows versions, documents, keys, and settings with their meaning and without secrets', async () => {
    const { page } = tab;
    // As the services say it of themselves.
    const log = createLogFiller(relay);
    const database = {
      origin: '/var/lib/3cxpbx/Bin/3CXPhoneSystem.ini',
      login: 'a at b/c ([D])',
      records: 'cdroutput',
    };
    await log.redis.set(log.keys.ingestStatus, JSON.stringify({ state: 'connected', pid: 4712, database }));
    await log.redis.set(log.keys.workerStatus, JSON.stringify({ pid: 4711 }));
    await log.stop();
    await tab.open('#/about');
    await page.getByText(process.version).first().waitFor();
    for (const words of ['process 4711', 'process 4712', ...Object.values(database)]) {
      await page.getByText(words, { exact: true }).waitFor();
    }
    await page.getByRole('link', { name: 'OpenAPI' }).waitFor();
    await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
    expect(await page.content()).not.toContain(adminSecret);
    await page.getByLabel('Find a setting').fill('heartbeat');
    await page.waitForURL(/setting=heartbeat/);
    await page.getByText('Time between signs of life on a connection.').waitFor();
    await page.getByText(/^\s*1 of \d+ settings\.\s*$/).waitFor();
    expect(await tab.findings()).toEqual([]);
    expect(tab.complaints).toEqual([]);
  });
});

it('reads what .env.example says of settings, also of several that share it', () => {
  const meanings = readSettingMeanings('# Intro\n\n# ── Part ──\n# Both\n# of them.\n#A=1\n#B=2\n# Alone.\n#C=\n');
  expect(meanings).toEqual({ A: 'Both of them.', B: 'Both of them.', C: 'Alone.' });
});

it.each([
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0',
    'Edge on Windows',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1',
    'Safari on iPhone',
  ],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0', 'Firefox on Linux'],
  ['curl/8.5.0', 'curl'],
  [null, 'Unknown device'],
])('calls %s by its name', (userAgent, words) => {
  expect(deviceWords(userAgent)).toBe(words);
});
