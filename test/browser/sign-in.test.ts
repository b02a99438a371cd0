import { Secret, TOTP } from 'otpauth';
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { runCommandLine } from '../harness/command-line.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';

const PASSWORD = 'quiet river violet stone';
const OTHER_PASSWORD = 'lamp orbit cactus window';

/** What stands before the panel, for whoever is not signed in. */
describe.skipIf(!hasBrowser)('the way in', () => {
  let relay: TestRelay;
  let browser: Browser;
  let tab: PanelTab;

  beforeAll(async () => {
    [relay, browser] = await Promise.all([startTestRelay(), sharedBrowser()]);
  });

  beforeEach(async () => {
    tab = await openPanelTab(browser, relay.url);
  });

  afterEach(async () => {
    const complaints = tab.complaints.filter(text => !/\b(400|401|403)\b/.test(text));
    await tab.close();
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    await closeTabs(browser);
    await relay?.stop();
  });

  const submit = (verb: string) => tab.page.getByRole('button', { name: verb, exact: true }).click();
  const isIn = () => tab.page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
  const says = (words: string) => tab.page.getByRole('alert').filter({ hasText: words }).waitFor();

  async function enter(username: string, password: string): Promise<void> {
    await tab.page.getByLabel('Username').fill(username);
    await tab.page.getByLabel('Password').fill(password);
    await tab.page.keyboard.press('Enter');
  }

  it('makes the first admin with the code that the shell of the server prints, and only then', async () => {
    const { page } = tab;
    await tab.open('');
    await page.getByRole('heading', { name: 'Make the first admin' }).waitFor();
    expect(await tab.findings()).toEqual([]);
    const stores = { DATABASE_URL: relay.databaseUrl, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId };
    const command = (await page.locator('code').first().textContent())?.trim().split(' ') ?? [];
    expect(command[0]).toBe('3cx-relay');
    const { output } = await runCommandLine(command.slice(1), stores);
    await page.getByLabel('Set-up code').fill('0000-0000-0000-0000');
    await page.getByLabel('Username').fill('ada');
    const password = page.getByLabel('Password', { exact: true });
    await password.fill(PASSWORD);
    await submit('Create and sign in');
    await says('This code is wrong, used or older than an hour');
    expect(await page.getByLabel('Set-up code').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Set-up code').fill(JSON.parse(output).setupCode);
    await password.fill('password1234');
    await submit('Create and sign in');
    await says('Must not be made of passwords that everybody tries');
    await password.fill(PASSWORD);
    await submit('Create and sign in');
    await isIn();
    await page.reload();
    await isIn();
    const next = await openPanelTab(browser, relay.url);
    await next.open('');
    await next.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await next.close();
  });

  it('says of a wrong password and of an unknown name the same, and lets the right one in where he wanted to', async () => {
    const { page } = tab;
    await tab.open('#/about');
    expect(await tab.findings()).toEqual([]);
    await enter('ada', OTHER_PASSWORD);
    await says('The username or the password is wrong.');
    await enter('nobody', PASSWORD);
    await says('The username or the password is wrong.');
    await enter('ada', PASSWORD);
    await page.getByRole('heading', { level: 1, name: 'About' }).waitFor();
  });

  it('asks for the second factor after the password, and takes a recovery code in its place once', async () => {
    const { page } = tab;
    const grace = await signInAs(relay, { role: 'viewer', username: 'grace', password: PASSWORD });
    const { secret } = (await grace.browser('POST', '/admin/account/totp', { password: PASSWORD })).body;
    const codeAt = (ms: number) => new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: ms });
    const confirmed = await grace.browser('POST', '/admin/account/totp/confirm', { code: codeAt(Date.now()) });
    const [recoveryCode = ''] = confirmed.body.recoveryCodes;
    await forgetCodes(relay.databaseUrl, grace.user.id);

    await tab.open('');
    await enter('grace', PASSWORD);
    await page.getByLabel('Code').fill('000000');
    expect(await tab.findings()).toEqual([]);
    await submit('Confirm');
    await says('This code is not valid, or was used before. Wait for the next one.');
    // As the apps show it.
    await page.getByLabel('Code').fill(codeAt(Date.now()).replace(/^.../, '$& '));
    await submit('Confirm');
    await isIn();

    const signInWith = async (code: string) => {
      await page.context().clearCookies();
      await page.reload();
      await enter('grace', PASSWORD);
      await submit('Use a recovery code');
      await page.getByLabel('Recovery code').fill(code);
      await submit('Confirm');
    };
    await signInWith(recoveryCode);
    await isIn();
    await signInWith(recoveryCode);
    await says('This code is not valid, or was used before. Take another one.');
  });

  it('lets whoever has a temporary password choose his own before he sees anything', async () => {
    const { page } = tab;
    const admin = await signInAs(relay);
    const { body } = await admin.browser('POST', '/admin/users', { username: 'kim', role: 'viewer' });
    await tab.open('#/history');
    await enter('kim', body.temporaryPassword);
    await page.getByRole('heading', { level: 1, name: 'Choose your password' }).waitFor();
    expect(await tab.findings()).toEqual([]);
    await page.reload();
    await page.getByLabel('Present password').fill('guessed');
    await page.getByLabel('New password').fill(PASSWORD);
    await submit('Change password');
    await says('This is not your password.');
    await page.getByLabel('Present password').fill(body.temporaryPassword);
    await page.getByLabel('New password').fill('kim-kim-kim-kim');
    await page.getByText(/name of this product in it\s*\(not met\)/).waitFor();
    await page.getByLabel('New password').fill(PASSWORD);
    await submit('Change password');
    await page.getByRole('heading', { level: 1, name: 'History' }).waitFor();
    await page.context().clearCookies();
    await page.reload();
    await enter('kim', body.temporaryPassword);
    await says('The username or the password is wrong.');
  });

  it('sends whoever signed out, or was signed out elsewhere, back to where it asks for the password', async () => {
    const { page } = tab;
    const vera = await signInAs(relay, { role: 'viewer', username: 'vera', password: PASSWORD });
    await tab.open('#/about');
    await enter('vera', PASSWORD);
    await page.getByRole('heading', { level: 1, name: 'About' }).waitFor();
    expect((await vera.browser('DELETE', '/admin/account/sessions')).status).toBe(204);
    // By itself: what the page hangs on ends with the session.
    await page.getByText('Your session has ended.').waitFor();
    await enter('vera', PASSWORD);
    await page.getByRole('heading', { level: 1, name: 'About' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByText('Your session has ended.').count()).toBe(0);
    // The page forgets before the relay has answered.
    await waitFor(async () => (await page.context().cookies()).length === 0, {
      what: 'the relay to take the cookie away',
    });
  });

  it('forgets whoever signs out while the relay does not answer, and ends the session when it does', async () => {
    const { page } = tab;
    const ruth = await signInAs(relay, { role: 'viewer', username: 'ruth', password: PASSWORD });
    const logout = /\/admin\/logout$/;
    const notice = page.getByRole('alert').filter({ hasText: 'your session could not be ended on the server' });
    const sessions = async () => (await ruth.browser('GET', '/admin/account/sessions')).body.sessions.length;
    const before = await sessions();
    await tab.open('#/history?number=4930123456');
    await enter('ruth', PASSWORD);
    await page.getByRole('heading', { level: 1, name: 'History' }).waitFor();
    await page.route(logout, route => route.abort());
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await notice.filter({ hasText: /The relay does not answer\.\s+It lives on until .*\d/ }).waitFor();
    expect(await page.getByText('ruth').count()).toBe(0);
    await waitFor(() => !page.url().includes('4930123456'), { what: 'the address to forget it, too' });
    expect(await tab.findings()).toEqual([]);
    expect(await sessions()).toBe(before + 1);
    // Nobody is let in by the cookie that is left.
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await notice.waitFor();
    await page.unroute(logout);
    await notice.waitFor({ state: 'detached' });
    expect(await page.context().cookies()).toEqual([]);
    expect(await sessions()).toBe(before);
    await page.reload();
    await enter('ruth', PASSWORD);
    await isIn();
    tab.complaints.splice(0, tab.complaints.length, ...tab.complaints.filter(text => !text.includes('ERR_FAILED')));
  });

  it('says after how long without use somebody was signed out, and lets him in where he was', async () => {
    const resting = await signInAs(relay, { role: 'viewer', username: 'resting', password: PASSWORD });
    await rest(relay.databaseUrl, resting.sessionId, '12 hours');
    const later = await openPanelTab(browser, relay.url, resting);
    await later.open('#/about');
    await later.page.getByText('You were signed out after 12 h without use.').waitFor();
    expect(await later.findings()).toEqual([]);
    await later.page.getByLabel('Username').fill('resting');
    await later.page.getByLabel('Password').fill(PASSWORD);
    await later.page.keyboard.press('Enter');
    await later.page.getByRole('heading', { level: 1, name: 'About' }).waitFor();
    await later.close();
  });
});

/** As if nobody had used it for so long. */
async function rest(databaseUrl: string, sessionId: string, interval: string): Promise<void> {
  const sql = new pg.Client({ connectionString: databaseUrl });
  await sql.connect();
  await sql.query('UPDATE admin_sessions SET last_seen_at = now() - $2::interval WHERE id = $1', [sessionId, interval]);
  await sql.end();
}

/** As if no code had been given yet: the one that confirmed the second factor would be refused for half a minute. */
async function forgetCodes(databaseUrl: string, id: number): Promise<void> {
  const sql = new pg.Client({ connectionString: databaseUrl });
  await sql.connect();
  await sql.query('UPDATE admin_users SET totp_last_step = NULL WHERE id = $1', [id]);
  await sql.end();
}
