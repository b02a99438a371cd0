import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs } from '../harness/sign-in.ts';

describe.skipIf(!hasBrowser)('the pages of users', () => {
  let relay: TestRelay;
  let admin: SignedInTester;
  let viewer: SignedInTester;
  let browser: Browser;
  let tab: PanelTab;

  beforeAll(async () => {
    relay = await startTestRelay({ ADMIN_TEMPORARY_PASSWORD_MS: '5400000' });
    [admin, viewer, browser] = await Promise.all([
      signInAs(relay, { username: 'ada' }),
      signInAs(relay, { role: 'viewer', username: 'vera' }),
      sharedBrowser(),
    ]);
    tab = await openPanelTab(browser, relay.url, admin);
  });

  afterEach(() => expect(tab.complaints.splice(0).filter(text => !/\b(400|409)\b/.test(text))).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await relay?.stop();
  });

  const userNamed = async (name: string) =>
    (await admin.script('GET', '/admin/users')).body.users.find(
      ({ username }: { username: string }) => username === name,
    );
  const press = (name: string | RegExp) => tab.page.getByRole('button', { name }).click();
  /** What the open dialog asks for with this word. */
  const confirm = (name: string) => tab.page.getByRole('dialog').getByRole('button', { name }).click();

  it('makes a user by the keyboard alone, whose password is shown once and lets him in', async () => {
    const { page } = tab;
    await tab.open('#/users');
    await page.getByRole('button', { name: 'New user' }).press('Enter');
    await page.getByText(/It is good for 1 h 30 min/).waitFor();
    await page.getByLabel('Username').focus();
    await page.keyboard.type('kim');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'User created' }).waitFor();
    await page.getByText(/within 1 h 30 min/).waitFor();
    const password = (await page.getByRole('dialog').locator('code').textContent()) ?? '';
    await page.keyboard.press('Escape');
    expect(await page.content()).not.toContain(password);
    const signedIn = await askAdmin(relay.url)('POST', '/admin/login', { username: 'kim', password });
    expect(signedIn.body.user).toMatchObject({ username: 'kim', role: 'viewer', mustChangePassword: true });
  });

  it('says while one types what is wrong with a password, and at its field what the relay refuses', async () => {
    const { page } = tab;
    await press('New user');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('I choose one').click();
    await dialog.getByLabel('Username').fill('kim');
    const password = dialog.getByLabel('Password', { exact: true });
    await password.fill('kim');
    await dialog.getByText('At least 12 characters, 3 so far').waitFor();
    await dialog.getByText(/name of this product in it\s*\(not met\)/).waitFor();
    await password.fill('password1234');
    await confirm('Create user');
    await dialog.getByRole('alert').filter({ hasText: 'Must not be made of passwords that everybody tries' }).waitFor();
    await password.fill('quiet river violet stone');
    await confirm('Create user');
    await dialog.getByRole('alert').filter({ hasText: 'There is a user kim already' }).waitFor();
    expect(await dialog.getByLabel('Username').getAttribute('aria-invalid')).toBe('true');
    await page.keyboard.press('Escape');
  });

  it('changes the role, deactivates and activates, after it has asked', async () => {
    const { page } = tab;
    await page.getByRole('link', { name: 'kim' }).click();
    await press('Make admin');
    await confirm('Make admin');
    await page.getByRole('heading', { name: 'Role: Admin' }).waitFor();
    expect(await userNamed('kim')).toMatchObject({ role: 'admin', sessions: 0 });
    await press('Deactivate');
    await confirm('Deactivate');
    await page.getByRole('heading', { name: 'Deactivated' }).waitFor();
    expect(await userNamed('kim')).toMatchObject({ active: false });
    await press('Activate');
    await confirm('Activate');
    await page.getByRole('heading', { name: 'May sign in' }).waitFor();
    await press('Make viewer');
    await confirm('Make viewer');
    await page.getByRole('heading', { name: 'Role: Viewer' }).waitFor();
    expect(await userNamed('kim')).toMatchObject({ role: 'viewer', active: true });
  });

  it('resets a password, and ends all sessions', async () => {
    const { page } = tab;
    await press('Reset password');
    await confirm('Reset password');
    const shown = page.getByRole('dialog', { name: 'Temporary password' });
    const password = (await shown.locator('code').textContent()) ?? '';
    await shown.getByRole('button', { name: 'Done' }).click();
    expect((await askAdmin(relay.url)('POST', '/admin/login', { username: 'kim', password })).status).toBe(200);
    await tab.open(`#/users/${(await userNamed('kim')).id}`);
    await page.getByRole('cell', { name: 'node' }).waitFor();
    await press('End all');
    await confirm('End the session');
    await page.getByText('kim is not signed in anywhere').waitFor();
    expect(await userNamed('kim')).toMatchObject({ sessions: 0 });
  });

  it('unlocks who is locked out', async () => {
    const guess = () => askAdmin(relay.url)('POST', '/admin/login', { username: 'kim', password: 'guessed' });
    let status = 401;
    for (let n = 0; n < 10 && status === 401; n += 1) ({ status } = await guess());
    expect(status).toBe(429);
    await tab.open('#/users');
    await tab.page.getByText(/^\s*Locked, .* left\s*$/).waitFor();
    await tab.page.getByRole('link', { name: 'kim' }).click();
    await press('Unlock');
    await confirm('Unlock');
    await tab.page.getByRole('heading', { name: 'Locked out' }).waitFor({ state: 'detached' });
    expect(await userNamed('kim')).toMatchObject({ lockedUntil: null });
  });

  it('says before it is tried that the last admin stays, and axe finds nothing', async () => {
    await tab.open(`#/users/${admin.user.id}`);
    await tab.page.getByText('You are the only active admin.').waitFor();
    expect(await tab.page.getByRole('button', { name: 'Make viewer' }).isDisabled()).toBe(true);
    expect(await tab.page.getByRole('button', { name: 'Deactivate' }).isDisabled()).toBe(true);
    expect(await tab.page.getByRole('button', { name: 'Reset password' }).count()).toBe(0);
    expect(await tab.findings()).toEqual([]);
    await tab.open('#/users?show=all');
    await tab.page.getByRole('link', { name: 'kim' }).waitFor();
    expect(await tab.findings()).toEqual([]);
  });

  it('has nothing for a viewer, by page or by API', async () => {
    const other = await openPanelTab(browser, relay.url, viewer);
    await other.open('#/users');
    await other.page.getByText('Only admins see users').waitFor();
    expect(await other.page.getByRole('button', { name: 'New user' }).count()).toBe(0);
    expect(await other.page.getByRole('link', { name: 'Users' }).count()).toBe(0);
    const { id } = admin.user;
    await other.open(`#/users/${id}`);
    await other.page.getByText('Only admins see users').waitFor();
    const refused = [
      await viewer.browser('GET', '/admin/users'),
      await viewer.browser('POST', '/admin/users', { username: 'eve', role: 'admin' }),
      await viewer.browser('PATCH', `/admin/users/${viewer.user.id}`, { role: 'admin' }),
      await viewer.browser('POST', `/admin/users/${id}/password`),
      await viewer.browser('DELETE', `/admin/users/${id}/totp`),
      await viewer.browser('DELETE', `/admin/users/${id}/sessions`),
    ];
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 403));
    expect(other.complaints).toEqual([]);
  });
});
