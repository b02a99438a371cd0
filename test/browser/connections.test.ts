import pg from 'pg';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand, type IngestStand } from '../integration/fixtures/ingest-stand.ts';

/** The connections as an admin tends them, with a real ingest and a simulated PBX. */
describe.skipIf(!hasBrowser)('the connections', () => {
  let stand: IngestStand;
  let relay: TestRelay;
  let browser: Browser;
  let tab: PanelTab;
  let viewerTab: PanelTab;

  beforeAll(async () => {
    stand = await createIngestStand();
    relay = await startTestRelay({ PBX_ID: stand.keys.pbxId, ADMIN_RECONNECT_TIMEOUT_MS: '15000' });
    await sample(relay.databaseUrl);
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, relay.url, await signInAs(relay));
    viewerTab = await openPanelTab(browser, relay.url, await signInAs(relay, { role: 'viewer' }));
  });

  // That nobody answers for the PBX, the browser reports as well.
  const isUnexpected = (text: string) => !/503 \(Service Unavailable\)/.test(text);
  afterEach(() => {
    expect([...tab.complaints.splice(0), ...viewerTab.complaints.splice(0)].filter(isUnexpected)).toEqual([]);
  });

  afterAll(async () => {
    await closeTabs(browser);
    await stand?.stop();
    await relay?.stop();
  });

  const rowOf = (title: string, where = tab) =>
    where.page
      .getByRole('main')
      .getByRole('listitem')
      .filter({ has: where.page.getByRole('heading', { name: title, exact: true }) });
  const outcomeOf = (title: string) => rowOf(title).getByRole('status');

  it('shows each in its group as it is, and its last day where it is sampled', async () => {
    await tab.open('#/connections');
    await rowOf('Redis').getByText('Up', { exact: true }).waitFor();
    await rowOf('XAPI').getByText('Unknown', { exact: true }).waitFor();
    const groups = await tab.page.getByRole('main').getByRole('heading', { level: 2 }).allInnerTexts();
    expect(groups).toEqual(['Phone system', 'Relay']);
    await rowOf('Redis')
      .getByRole('img', { name: /The last 24 hours: 9\d(\.\d+)?% up/ })
      .waitFor();
  });

  it('tells by keyboard what one has been through: incidents with their causes, changes a page at a time', async () => {
    const row = rowOf('3CX database');
    const toggle = row.getByRole('button', { name: 'What 3CX database has been through' });
    await toggle.press('Enter');
    const incidents = row.getByRole('region', { name: 'Incidents' });
    const [latest, before] = [incidents.getByRole('listitem').nth(0), incidents.getByRole('listitem').nth(1)];
    await latest.getByText(/^Degraded for/).waitFor();
    expect(await latest.textContent()).toContain('it goes on');
    await before.getByText('Down for 20 min').waitFor();
    expect(await before.textContent()).toMatch(/Refused\.?\s*No route/);
    const changes = row.getByRole('region', { name: 'Changes' });
    expect(await changes.getByRole('listitem').count()).toBe(50);
    await changes.getByRole('button', { name: 'Earlier' }).press('Enter');
    await waitFor(async () => (await changes.getByRole('listitem').count()) === 65, { what: 'all changes' });
    expect(await changes.getByRole('button', { name: 'Earlier' }).count()).toBe(0);
    expect(await tab.findings()).toEqual([]);
    await toggle.press('Enter');
    await incidents.waitFor({ state: 'detached' });
  });

  it('says that a reconnect did nothing when there is no ingest to do it', async () => {
    await rowOf('XAPI').getByRole('button', { name: 'Reconnect XAPI' }).click();
    await outcomeOf('XAPI')
      .getByText(/ingest/i)
      .waitFor();
  });

  it('a reconnect by keyboard says what it came to, and the connection is up', { timeout: 60_000 }, async () => {
    await stand.start();
    const button = rowOf('XAPI').getByRole('button', { name: 'Reconnect XAPI' });
    await rowOf('XAPI').getByText('Up', { exact: true }).waitFor();
    await button.press('Enter');
    await outcomeOf('XAPI')
      .getByText(/^Connected again after .+, answers in .+\.$/)
      .waitFor();
    await rowOf('XAPI').getByText('Up', { exact: true }).waitFor();
  });

  it('says why a reconnect failed, and shows the connection as down', { timeout: 60_000 }, async () => {
    await stand.sim.post('/sim/faults', { kind: 'http-error', status: 500, path: '/xapi', ms: 600_000 });
    await rowOf('XAPI').getByRole('button', { name: 'Reconnect XAPI' }).click();
    await outcomeOf('XAPI')
      .getByText(/^Not connected after .+500/)
      .waitFor();
    await rowOf('XAPI').getByText('Down', { exact: true }).waitFor();
    await stand.sim.request('DELETE', '/sim/faults');
  });

  it('lets a viewer look at all of it and reconnect nothing', async () => {
    await viewerTab.open('#/connections');
    await rowOf('3CX database', viewerTab)
      .getByRole('button', { name: /^What 3CX database/ })
      .click();
    await viewerTab.page.getByRole('region', { name: 'Incidents' }).waitFor();
    await viewerTab.page.getByText('An admin may reconnect those of the phone system.').waitFor();
    expect(await viewerTab.page.getByRole('button', { name: /^Reconnect/ }).count()).toBe(0);
  });
});

/** Redis was down for half an hour of its day; the PBX's database changed for an hour two days ago, and again today. */
async function sample(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `INSERT INTO connection_status_history (component, state, latency, timestamp)
     SELECT 'redis', CASE WHEN n BETWEEN 300 AND 329 THEN 'down' ELSE 'up' END, 3, now() - n * interval '1 minute'
     FROM generate_series(1440, 0, -1) n`,
  );
  await client.query(
    `INSERT INTO connection_status_history (component, state, error_message, timestamp)
     SELECT 'database', state, error, now() - ago * interval '1 minute' FROM (
       SELECT 2880 - n, CASE WHEN n % 2 = 0 THEN 'up' ELSE 'down' END, NULL FROM generate_series(0, 59) n
       UNION ALL VALUES
         (60, 'up', NULL), (59, 'up', NULL), (50, 'down', 'refused'), (49, 'down', 'refused'), (40, 'down', 'no route'),
         (30, 'up', NULL), (20, 'degraded', 'slow to answer')) AS sample (ago, state, error)
     ORDER BY ago DESC`,
  );
  await client.end();
}
