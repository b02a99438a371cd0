import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { ADMIN_COOKIE } from '@3cx-relay/shared/wire/admin/session.ts';
import type { Browser, Page } from 'playwright-core';
import type { SignedInTester } from './sign-in.ts';

export type PanelTab = {
  page: Page;
  /** What the browser complained about: of scripts, of the policy, of requests. */
  complaints: string[];
  /** Goes to a page of the panel: `#/tail`. */
  open(hash: string): Promise<void>;
  /** What axe finds in all that is there, what stands around the page too, in light and in dark: as rule and element. */
  findings(): Promise<string[]>;
  close(): Promise<void>;
};

/** A tab in which somebody is signed in to the panel at `url`; without a tester nobody is. */
export async function openPanelTab(browser: Browser, url: string, tester?: SignedInTester): Promise<PanelTab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
  const cookie = { name: ADMIN_COOKIE, url, httpOnly: true, sameSite: 'Strict' } as const;
  if (tester) await context.addCookies([{ ...cookie, value: tester.token }]);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(error.message));
  return {
    page,
    complaints,
    async open(hash) {
      await page.goto(new URL(`admin/${hash}`, url).href);
      await page.getByRole('heading', { level: 1 }).waitFor();
    },
    async findings() {
      const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
      // Past the policy, which forbids another script; `page.evaluate` would compile half a megabyte three times.
      if (!(await page.evaluate(() => 'axe' in globalThis))) {
        const devtools = await context.newCDPSession(page);
        await devtools.send('Runtime.evaluate', { expression: axe });
        await devtools.detach();
      }
      const found: string[] = [];
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        found.push(...(await page.evaluate(runAxe, RULES[colorScheme])).map(finding => `${colorScheme}: ${finding}`));
      }
      return found;
    },
    close: () => context.close(),
  };
}

type Rules = { resultTypes: ['violations']; runOnly?: string[] };
type Axe = { run(rules: Rules): Promise<{ violations: { id: string; nodes: { target: unknown[] }[] }[] }> };

/** In the dark the colours are others and nothing else is. */
const RULES: Record<'light' | 'dark', Rules> = {
  light: { resultTypes: ['violations'] },
  dark: { resultTypes: ['violations'], runOnly: ['color-contrast'] },
};

async function runAxe(rules: Rules): Promise<string[]> {
  const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run(rules);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id} ${target.join(' ')}`));
}
