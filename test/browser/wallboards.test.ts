import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, launchBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';

/** From the admin who makes a link to the screen that shows it, until it is revoked. */
describe.skipIf(!hasBrowser)('wallboards', () => {
  let relay: TestRelay;
  let browser: Browser;
  let tab: PanelTab;
  let screen: Page;
  let link: string;

  beforeAll(async () => {
    relay = await startTestRelay();
    browser = await launchBrowser();
    tab = await openPanelTab(browser, relay.url, await signInAs(relay));
    screen = await browser.newPage();
  });

  afterEach(() => expect(tab.complaints.splice(0)).toEqual([]));

  afterAll(async () => {
    await browser?.close();
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
    await page.getByRole('cell', { name: 'Hall' }).waitFor();
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
});
