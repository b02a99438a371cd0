import { Secret, TOTP } from 'otpauth';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { createUser } from '../harness/sign-in.ts';

const PASSWORD = 'quiet river violet stone';

describe.skipIf(!hasBrowser)('where a second factor is required', () => {
  let relay: TestRelay;
  let browser: Browser;
  let tab: PanelTab;

  beforeAll(async () => {
    relay = await startTestRelay({ ADMIN_REQUIRE_SECOND_FACTOR: 'all' });
    await createUser(relay.databaseUrl, { username: 'vera', role: 'viewer', password: PASSWORD });
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, relay.url);
  });

  afterEach(() => expect(tab.complaints.splice(0).filter(text => !/\b(400|401|403)\b/.test(text))).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await relay?.stop();
  });

  const press = (name: string) => tab.page.getByRole('button', { name, exact: true }).click();

  it('leads whoever has none through setting it up, before he sees anything, and to where he wanted to', async () => {
    const { page } = tab;
    await tab.open('#/about');
    await page.getByLabel('Username').fill('vera');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Set up a second factor' }).waitFor();
    expect(await tab.findings()).toEqual([]);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Set up a second factor' }).waitFor();
    await press('Set up');
    await page.getByLabel('Your password').fill(PASSWORD);
    await press('Continue');
    await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
    const secret = ((await page.getByRole('dialog').locator('code').textContent()) ?? '').replaceAll(' ', '');
    await page.getByLabel('Code', { exact: true }).fill(new TOTP({ secret: Secret.fromBase32(secret) }).generate());
    await press('Turn on');
    // The codes first: what is behind the gate comes when they are kept.
    await page.getByRole('heading', { name: 'Recovery codes' }).first().waitFor();
    expect(await page.getByRole('dialog').locator('code').count()).toBe(10);
    const [recoveryCode = ''] = await page.getByRole('dialog').locator('code').allTextContents();
    expect(await page.getByRole('navigation', { name: 'Pages' }).count()).toBe(0);
    await page.getByLabel('I keep them where I find them without my phone').check();
    await press('Done');
    await page.getByRole('heading', { level: 1, name: 'About' }).waitFor();

    await tab.open('#/account');
    await page.getByText('It is required of you.').waitFor();
    expect(await page.getByRole('button', { name: 'Switch off' }).count()).toBe(0);
    await press('Set up another');
    await page.getByLabel('Your password').fill(PASSWORD);
    await page.getByLabel('Code', { exact: true }).fill(recoveryCode);
    await press('Continue');
    await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
  });
});
