import { Secret, TOTP } from 'otpauth';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs, signInUser } from '../harness/sign-in.ts';

const FIRST_PASSWORD = 'quiet river violet stone';
const SECOND_PASSWORD = 'lamp orbit cactus window';

/** As a viewer: of himself everybody changes everything but his role. */
describe.skipIf(!hasBrowser)('the own account', () => {
  let relay: TestRelay;
  let vera: SignedInTester;
  let browser: Browser;
  let tab: PanelTab;
  let secret: string;
  let recoveryCodes: string[];

  beforeAll(async () => {
    relay = await startTestRelay();
    vera = await signInAs(relay, { role: 'viewer', username: 'vera', password: FIRST_PASSWORD });
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, relay.url, vera);
  });

  afterEach(() => expect(tab.complaints.splice(0).filter(text => !/\b(400|401|403)\b/.test(text))).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await relay?.stop();
  });

  const signIn = (more: object) => askAdmin(relay.url)('POST', '/admin/login', { username: 'vera', ...more });
  const press = (name: string) => tab.page.getByRole('button', { name, exact: true }).click();
  const account = async () => (await vera.script('GET', '/admin/account')).body;

  it('changes the password, ends the other sessions and goes on with this one', async () => {
    const { page } = tab;
    const other = await signInUser(relay, vera.user);
    await tab.open('#/account');
    await press('Change password');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Present password').fill('guessed');
    await dialog.getByLabel('New password').fill(SECOND_PASSWORD);
    await page.keyboard.press('Enter');
    await dialog.getByText('This is not your password.').waitFor();
    await dialog.getByLabel('Present password').fill(FIRST_PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByText('You are signed out everywhere else.').waitFor();
    expect((await other.script('GET', '/admin/session')).status).toBe(401);
    expect((await signIn({ password: SECOND_PASSWORD, answer: 'token' })).status).toBe(200);
  });

  it('sets up a second factor with the code that the QR code and the secret stand for', async () => {
    const { page } = tab;
    await press('Set up');
    await page.getByLabel('Your password').fill(SECOND_PASSWORD);
    await press('Continue');
    await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
    secret = ((await page.getByRole('dialog').locator('code').textContent()) ?? '').replaceAll(' ', '');
    await page.getByLabel('Code', { exact: true }).fill('000000');
    await press('Turn on');
    await page.getByText('Is not what the app shows for this secret now.').waitFor();
    await page.getByLabel('Code', { exact: true }).fill(new TOTP({ secret: Secret.fromBase32(secret) }).generate());
    await press('Turn on');
    await page.getByRole('heading', { name: 'Recovery codes' }).first().waitFor();
    recoveryCodes = await page.getByRole('dialog').locator('code').allTextContents();
    expect(recoveryCodes).toHaveLength(10);
    expect(await account()).toMatchObject({ user: { hasSecondFactor: true }, recoveryCodesLeft: 10 });
  });

  it('lets the recovery codes go only when they are kept, and gives them as a file', async () => {
    const { page } = tab;
    await page.keyboard.press('Escape');
    const [download] = await Promise.all([page.waitForEvent('download'), press('Download')]);
    const text = Buffer.concat(await (await download.createReadStream()).toArray()).toString();
    expect(recoveryCodes.every(code => text.includes(code))).toBe(true);
    await page.getByLabel('I keep them where I find them without my phone').check();
    await press('Done');
    expect(await page.content()).not.toContain(recoveryCodes[0]);
  });

  it('lets a recovery code in where the app is missing, once', async () => {
    const stranger = await browser.newPage();
    await stranger.goto(`${relay.url}/admin/`);
    await stranger.getByLabel('Username').fill('vera');
    await stranger.getByLabel('Password').fill(SECOND_PASSWORD);
    await stranger.keyboard.press('Enter');
    await stranger.getByLabel('Code', { exact: true }).fill('000000');
    await stranger.keyboard.press('Enter');
    await stranger.getByText('Wait for the next one.').waitFor();
    await stranger.getByRole('button', { name: 'Use a recovery code' }).click();
    await stranger.getByLabel('Recovery code').fill(recoveryCodes[0] ?? '');
    await stranger.keyboard.press('Enter');
    await stranger.getByRole('navigation', { name: 'Pages' }).waitFor();
    await stranger.close();
    expect(await account()).toMatchObject({ recoveryCodesLeft: 9 });
  });

  it('lists the sessions, ends one and all others, and axe finds nothing', async () => {
    const { page } = tab;
    await signInUser(relay, vera.user);
    await tab.open('#/account');
    await page.getByText('This one').waitFor();
    expect(await tab.findings()).toEqual([]);
    const sessions = async () => (await vera.script('GET', '/admin/account/sessions')).body.sessions.length;
    const before = await sessions();
    await page
      .getByRole('button', { name: /^End the session of/ })
      .first()
      .click();
    await page.getByLabel('Your password').fill('guessed');
    await press('End session');
    await page.getByText('This is not your password.').waitFor();
    expect(await sessions()).toBe(before);
    await page.getByLabel('Your password').fill(SECOND_PASSWORD);
    expect(await tab.findings()).toEqual([]);
    await press('End session');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await sessions()).toBe(before - 1);
    await press('End all others');
    await page.getByLabel('Your password').fill(SECOND_PASSWORD);
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^End (the|\d)/ })
      .click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await sessions()).toBe(1);
  });

  it('makes new recovery codes and switches the second factor off, with the password and the factor', async () => {
    const { page } = tab;
    await press('New recovery codes');
    await page.getByLabel('Your password').fill(SECOND_PASSWORD);
    await page.getByLabel('Code', { exact: true }).fill('000 000');
    await press('Make new codes');
    await page.getByText('This code is not valid, or was used before.').waitFor();
    await page.getByLabel('Code', { exact: true }).fill(recoveryCodes[1] ?? '');
    await press('Make new codes');
    await page.getByLabel('I keep them where I find them without my phone').waitFor();
    recoveryCodes = await page.getByRole('dialog').locator('code').allTextContents();
    await page.getByLabel('I keep them where I find them without my phone').check();
    await press('Done');
    expect(await account()).toMatchObject({ recoveryCodesLeft: 10 });
    await press('Switch off');
    await page.getByLabel('Your password').fill(SECOND_PASSWORD);
    await page.getByLabel('Code', { exact: true }).fill(recoveryCodes[0] ?? '');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Second factor: off' }).waitFor();
    expect(await account()).toMatchObject({ user: { hasSecondFactor: false }, recoveryCodesLeft: 0 });
  });
});
