import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { proveAudit } from '../../services/worker/audit/prove-audit.ts';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { openPanelTab, type PanelTab } from '../harness/panel-tab.ts';
import { type SignedInTester, signInAs } from '../harness/sign-in.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createHistoryStand, type HistoryStand } from '../integration/fixtures/history-stand.ts';

const ENTRIES = 60;
const ACTORS = ['anna', 'bert', 'cleo'];

/** The audit as its readers use it: a viewer who reads, and an admin who has it proved. */
describe.skipIf(!hasBrowser)('the audit', () => {
  let stand: HistoryStand;
  let browser: Browser;
  let admin: SignedInTester;
  let viewer: SignedInTester;
  let adminTab: PanelTab;
  let tab: PanelTab;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anchors-'));
    stand = await createHistoryStand();
    for (let n = 1; n <= ENTRIES; n += 1) {
      const name = ACTORS[n % 3] ?? '';
      stand.audit.write({
        ...{ action: n % 2 === 0 ? 'api_key.revoke' : 'sign_in', actor: { kind: 'admin', id: String(n % 3), name } },
        ...{ address: '192.0.2.7', target: `thing:${n}`, outcome: n % 5 === 0 ? 'refused' : 'done', details: { n } },
      });
    }
    await waitFor(
      async () => {
        await stand.persist();
        const { rows } = await stand.pool.query('SELECT count(*)::int AS n FROM audit_log');
        return rows[0]?.n >= ENTRIES;
      },
      { what: 'the entries in PostgreSQL' },
    );
    [admin, viewer] = await Promise.all([signInAs(stand.relay), signInAs(stand.relay, { role: 'viewer' })]);
    browser = await sharedBrowser();
    tab = await openPanelTab(browser, stand.relay.url, viewer);
  });

  afterEach(() => expect([tab, adminTab].flatMap(each => each?.complaints.splice(0) ?? [])).toEqual([]));

  afterAll(async () => {
    await closeTabs(browser);
    await stand?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const rows = (of: PanelTab) => of.page.getByRole('region', { name: 'Entries', exact: true }).locator('tbody tr');
  const hasRows = (count: number) =>
    waitFor(async () => (await rows(tab).count()) === count, { what: `${count} rows` });

  it('shows the newest entries first, and nothing to find fault with in light and dark', async () => {
    await tab.open('#/audit');
    await hasRows(50);
    expect(await rows(tab).first().textContent()).toContain(`#${ENTRIES}`);
    await tab.page.getByText('Not verified yet').waitFor();
    expect(await tab.findings()).toEqual([]);
  });

  it('narrows them by action, person and outcome, as the address says', async () => {
    const { page } = tab;
    await page.getByLabel('Action').fill('api_key.revoke');
    await page.getByLabel('Who').fill('anna');
    await page.getByLabel('Outcome').fill('refused');
    await page.keyboard.press('Enter');
    await hasRows(2);
    expect(new URL(page.url()).hash).toBe('#/audit?action=api_key.revoke&actor=anna&outcome=refused');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await hasRows(50);
  });

  it('an entry opens by the keyboard with its place in the chain, leads to the one before, and gives the focus back', async () => {
    const { page } = tab;
    const button = page.getByRole('button', { name: 'Entry 58 in full' });
    await button.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Holds the hash of #57').waitFor();
    await dialog.getByText('#59 holds its hash').waitFor();
    expect(new URL(page.url()).hash).toBe('#/audit?entry=58');
    expect(await tab.findings()).toEqual([]);
    await dialog.getByRole('button', { name: 'Open #57' }).click();
    await dialog.getByText('Holds the hash of #56').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.locator('button:focus', { hasText: '#58' }).waitFor();
  });

  it('a viewer sees the proof and cannot ask for one', async () => {
    expect(await tab.page.getByRole('button', { name: 'Verify now' }).count()).toBe(0);
    expect((await viewer.browser('POST', '/admin/audit/verification', {})).status).toBe(403);
  });

  it('the proof says that the chain is intact, and where it is broken', async () => {
    const { page } = tab;
    await prove();
    await page.reload();
    await page.getByText('The chain is intact').waitFor();
    await stand.persist();
    await page.getByLabel('Action').fill('audit.verify');
    await page.keyboard.press('Enter');
    const proof = rows(tab).filter({ hasText: 'Verified the audit' });
    await proof.locator('.tone-ok', { hasText: 'Intact' }).waitFor();
    expect(await proof.textContent()).toContain('panel user');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    // As somebody does who may do anything in the database.
    await stand.pool.query(
      "ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET actor_name = 'mallory' WHERE seq = 12; ALTER TABLE audit_log ENABLE TRIGGER USER",
    );
    await prove();
    await page.reload();
    await page.getByText('The chain is broken').waitFor();
    await page.getByRole('button', { name: 'Open #12' }).click();
    await page.getByRole('dialog').getByText('mallory').first().waitFor();
    await page.keyboard.press('Escape');
  });

  it('an admin asks for a proof, and both see that it is under way', async () => {
    adminTab = await openPanelTab(browser, stand.relay.url, admin);
    await adminTab.open('#/audit');
    await adminTab.page.getByRole('button', { name: 'Verify now' }).press('Enter');
    await adminTab.page.getByText('Verifying the chain…').waitFor();
    expect((await admin.browser('GET', '/admin/audit/verification')).body.state).toBe('running');
    await tab.page.reload();
    await tab.page.getByText('Verifying the chain…').waitFor();
  });

  /** What the worker does when it gets the job. */
  async function prove(): Promise<void> {
    const logger = createLogger({ name: 'test', level: 'silent' });
    await proveAudit(
      { pool: stand.pool, logger, audit: stand.audit },
      {
        ...{ file: join(folder, 'anchors.jsonl'), historyDays: 400, address: null },
        requestedBy: { kind: 'admin', id: String(admin.user.id), name: admin.user.username },
      },
    );
  }
});
