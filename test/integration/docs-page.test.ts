import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeTabs, hasBrowser, sharedBrowser } from '../harness/browser.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';

/** The documents as the relay serves them; the page as people see it. */
let relay: TestRelay;

beforeAll(async () => {
  relay = await startTestRelay();
});

afterAll(() => relay?.stop());

const get = (path: string, headers: Record<string, string> = {}) => fetch(relay.url + path, { headers });

describe.each([
  ['/relay/openapi.json', 'application/json'],
  ['/relay/asyncapi.json', 'application/json'],
  ['/relay/docs', 'text/html'],
])('GET %s', (path, type) => {
  test('answers anybody, and tells who knows it already that nothing is new', async () => {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain(type);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    // Without the second header `fetch` asks for a fresh copy by itself.
    const known = { 'if-none-match': answer.headers.get('etag') ?? '', 'cache-control': 'max-age=0' };
    const again = await get(path, known);
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });
});

describe.skipIf(!hasBrowser)('the page', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await sharedBrowser();
  });

  afterAll(() => closeTabs(browser));

  test('violates nothing of its own policy, and tells every route and every example', async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', message => complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(error.message));
    await page.goto(`${relay.url}/relay/docs`);
    expect(await page.evaluate('getComputedStyle(document.querySelector(".route")).paddingLeft')).toBe('16px');
    // What a browser asks for by itself, and a relay does not have.
    expect(complaints.filter(text => !/404|favicon/.test(text))).toEqual([]);

    const { paths } = (await (await get('/relay/openapi.json')).json()) as { paths: Record<string, object> };
    const told = await page.locator('.route h3 code').allTextContents();
    expect(new Set(told)).toEqual(new Set(Object.keys(paths)));
    expect(await page.locator('#examples ~ h3').allTextContents()).toEqual(['curl', 'Node', 'Python', 'Browser']);
    const lost = `[...document.querySelectorAll('a[href^="#"]')].map(link => link.hash.slice(1))
      .filter(id => document.getElementById(id) === null)`;
    expect(await page.evaluate(lost)).toEqual([]);
    await page.close();
  });

  test.each([
    { width: 1280, colorScheme: 'light' as const },
    { width: 360, colorScheme: 'dark' as const },
  ])('can be read by everybody at $width px, $colorScheme', async ({ width, colorScheme }) => {
    // Axe comes in as a script of the test, which the policy of the page would refuse.
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
    await page.goto(`${relay.url}/relay/docs`);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    // Two of a kind stand for all: axe takes its time with each element.
    await page.evaluate(
      `document.querySelectorAll('.route ~ .route, .named ~ .named ~ .named').forEach(e => e.remove())`,
    );
    await page.addScriptTag({ content: axe.source });
    const { violations } = (await page.evaluate('axe.run()')) as { violations: Violation[] };
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
    await page.close();
  });
});

type Violation = { id: string; nodes: { html: string }[] };
