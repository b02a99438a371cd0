import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';

/** Active calls and the timeline of one, as a viewer sees them. */
describe.skipIf(!hasBrowser)('the calls', () => {
  let relay: TestRelay;
  let log: LogFiller;
  let browser: Browser;
  let tab: PanelTab;
  const began = Date.now();
  const at = (second: number) => new Date(began + second * 1000).toISOString();
  const callId = 'm5k2h8aa-7';

  beforeAll(async () => {
    relay = await startTestRelay();
    log = createLogFiller(relay);
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, relay.url, await signInAs(relay, { role: 'viewer' }));
  });

  afterEach(() => expect(tab.complaints.splice(0).filter(text => !text.includes('404'))).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await log?.stop();
    await relay?.stop();
  });

  const nobody = { number: null, name: null, dn: null };
  const leg = { dn: '101', participantId: 7, legId: null, party: '+4930123456', since: at(0) };

  /** As ingest writes what became of the call. */
  async function happens(second: number, event: string, call: object): Promise<void> {
    const whole = {
      ...{ callId, pbxCallId: 7, conversationId: callId, linked: null, direction: 'inbound', state: 'ringing' },
      ...{ startedAt: at(0), ringingAt: at(0), answeredAt: null, endedAt: null, did: null, answeredBy: null },
      ...{ caller: { ...nobody, number: '+4930123456' }, callee: { number: '101', name: 'Ada', dn: '101' } },
      ...{ via: { dn: '800', type: 'queue' }, legs: [], formerLegs: [], disposition: null, reason: null, cdr: null },
      ...call,
    };
    const body = JSON.stringify({ at: at(second), event, data: null, participant: null, call: whole });
    await log.append([{ type: 'call_event', at: began + second * 1000, body, dn: '101', call: callId, event }]);
  }

  it('says that there are none, and shows the next one the moment it starts', async () => {
    await tab.open('#/calls');
    await tab.page.getByText('No calls right now').waitFor();
    await happens(0, 'call.ringing', { legs: [{ ...leg, status: 'Ringing' }] });
    const row = tab.page.getByRole('link', { name: /^Timeline of \+4930123456 to Ada/ });
    await row.waitFor();
    expect(await tab.page.getByText('via queue 800').count()).toBe(1);
  });

  it('narrows them by state and by text, in the address', async () => {
    const { page } = tab;
    await page.getByText('In queues 1').click();
    await page.waitForURL(/#\/calls\?state=waiting$/);
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox').fill('nobody');
    await page.getByText('No call matches').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.waitForURL(/#\/calls$/);
    expect(await tab.findings()).toEqual([]);
  });

  it('leads to the timeline, which goes on while the call does', async () => {
    const { page } = tab;
    await page.getByRole('link', { name: /^Timeline of/ }).press('Enter');
    await page.getByRole('heading', { name: '+4930123456 → Ada' }).waitFor();
    await page.getByRole('img', { name: /^101: Ringing since 0:00$/ }).waitFor();
    await happens(3, 'call.answered', {
      ...{ state: 'connected', answeredAt: at(3), answeredBy: '101' },
      legs: [{ ...leg, status: 'Connected', since: at(3) }],
    });
    await happens(9, 'call.ended', {
      ...{ state: 'ended', answeredAt: at(3), endedAt: at(9), disposition: 'answered', reason: 'left' },
      formerLegs: [{ dn: '101', participantId: 7, party: null, leftAt: at(9), outcome: 'answered' }],
    });
    await page.getByRole('img', { name: '101: Ringing 3 s from 0:00, Talking 6 s from 0:03, answered' }).waitFor();
    await page.getByText('Ended, answered').first().waitFor();
    await page.getByText('Everybody left').waitFor();
  });

  it('shows every event in full, and has nothing that axe finds', async () => {
    const { page } = tab;
    await page.getByRole('button', { name: /Answered/ }).press('Enter');
    await page.getByRole('group', { name: 'The message as the relay sent it' }).getByText('"call.answered"').waitFor();
    expect(await tab.findings()).toEqual([]);
  });

  it('says of a call that there is none', async () => {
    await tab.page.goto(`${relay.url}/admin/#/calls/m5k2h8aa-99`);
    await tab.page.getByText('There is no such call').waitFor();
  });
});
