import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';

const script = 'import("./_app/immutable/start.abc123.js");';
const page = (title: string) =>
  `<!doctype html><title>${title}</title><script>${script}</script><script src="./x.js"></script>`;
const asset = `export const words = ${JSON.stringify('all work and no play '.repeat(200))};`;

let root: string;
let folder: string;
let relay: TestRelay;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'panel-'));
  folder = join(root, 'build');
  await build('first');
  await writeFile(join(root, 'secret.txt'), 'not for everybody');
  relay = await startTestRelay({ ADMIN_PANEL_DIR: folder });
});

afterAll(async () => {
  await relay?.stop();
  await rm(root, { recursive: true, force: true });
});

async function build(title: string): Promise<void> {
  await mkdir(join(folder, '_app/immutable'), { recursive: true });
  await writeFile(join(folder, '_app/immutable/start.abc123.js'), asset);
  await writeFile(join(folder, '_app/immutable/start.abc123.js.br'), brotliCompressSync(asset));
  await writeFile(join(folder, '_app/immutable/start.abc123.js.gz'), gzipSync(asset));
  await writeFile(join(folder, '_app/version.json'), '{"version":"1"}');
  await writeFile(join(folder, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await writeFile(join(folder, 'index.html'), page(title));
}

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };

/** Not fetch, which would tidy the path, follow the redirect and decode the body. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(relay.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

const assetPath = '/admin/_app/immutable/start.abc123.js';

describe('/admin/', () => {
  it('serves the page with a policy that allows its own inline script and no other', async () => {
    const answer = await get('/admin/');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-cache');
    expect(answer.body.toString()).toBe(page('first'));
    const policy = String(answer.headers['content-security-policy']);
    const hash = createHash('sha256').update(script).digest('base64');
    expect(policy).toContain(`script-src 'self' 'sha256-${hash}';`);
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toContain('unsafe');
  });

  it('redirects /admin with a relative address, so that a prefix before it stays', async () => {
    const answer = await get('/admin');
    expect(answer.status).toBe(302);
    expect(answer.headers.location).toBe('admin/');
  });

  it('serves what is named by a hash for ever, in the best encoding that is accepted', async () => {
    const plain = await get(assetPath);
    expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(plain.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(plain.headers.vary).toMatch(/accept-encoding/i);
    expect(plain.body.toString()).toBe(asset);
    const br = await get(assetPath, { 'accept-encoding': 'gzip, deflate, br, zstd' });
    expect(br.headers['content-encoding']).toBe('br');
    expect(brotliDecompressSync(br.body).toString()).toBe(asset);
    const gzip = await get(assetPath, { 'accept-encoding': 'gzip' });
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(gzip.body).toString()).toBe(asset);
    expect(new Set([plain, br, gzip].map(answer => answer.headers.etag)).size).toBe(3);
  });

  it('serves a file as it is where its encoding is of another content, broken, or not there', async () => {
    await writeFile(join(folder, 'index.html.br'), brotliCompressSync(page('yesterday')));
    await writeFile(join(folder, 'index.html.gz'), gzipSync(page('first')).subarray(0, 20));
    await build('first');
    for (const path of ['/admin/', '/admin/icon.svg']) {
      const answer = await get(path, { 'accept-encoding': 'gzip, br' });
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('content-encoding');
    }
    expect((await get('/admin/', { 'accept-encoding': 'gzip, br' })).body.toString()).toBe(page('first'));
    expect((await get(`${assetPath}.br`)).status).toBe(404);
  });

  it('answers 304 without a body when the etag is known', async () => {
    const etag = String((await get('/admin/')).headers.etag);
    const again = await get('/admin/', { 'if-none-match': etag });
    expect(again.status).toBe(304);
    expect(again.body).toHaveLength(0);
    expect((await get('/admin/', { 'if-none-match': '"another"' })).status).toBe(200);
  });

  it('answers HEAD with the headers alone', async () => {
    const answer = await get(assetPath, {}, 'HEAD');
    expect(answer).toMatchObject({ status: 200, headers: { 'content-length': String(asset.length) } });
    expect(answer.body).toHaveLength(0);
  });

  it.each([
    '/admin/../secret.txt',
    '/admin/..%2fsecret.txt',
    '/admin/%2e%2e/secret.txt',
    '/admin//etc/passwd',
    '/admin/_app',
    '/admin/nothing.js',
    '/admin/__proto__',
  ])('has nothing at %s', async path => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toMatch('application/problem+json');
  });

  it('takes up a newer build without a restart', async () => {
    await build('second');
    expect((await get('/admin/')).body.toString()).toBe(page('second'));
  });

  it('keeps serving what it has while a build has emptied the folder', async () => {
    await rm(folder, { recursive: true });
    expect((await get('/admin/')).body.toString()).toBe(page('second'));
    expect((await get(assetPath)).status).toBe(200);
    await build('third');
    expect((await get('/admin/')).body.toString()).toBe(page('third'));
  });
});

describe('without a build', () => {
  it('says how to build the panel, and serves it as soon as it is there', async () => {
    const empty = join(root, 'empty');
    const other = await startTestRelay({ ADMIN_PANEL_DIR: empty });
    try {
      const absent = await fetch(`${other.url}/admin/`);
      expect(absent.status).toBe(503);
      expect(absent.headers.get('retry-after')).not.toBeNull();
      expect(((await absent.json()) as { detail: string }).detail).toContain('npm run build -w admin-ui');
      await mkdir(empty);
      await writeFile(join(empty, 'index.html'), page('built'));
      expect(await (await fetch(`${other.url}/admin/`)).text()).toBe(page('built'));
    } finally {
      await other.stop();
    }
  });

  it('tells a browser that it is being built, by a page that looks again and runs nothing', async () => {
    const other = await startTestRelay({ ADMIN_PANEL_DIR: join(root, 'nowhere') });
    try {
      const absent = await fetch(`${other.url}/admin/`, { headers: { accept: 'text/html,*/*;q=0.8' } });
      expect([absent.status, absent.headers.get('content-type')]).toEqual([503, 'text/html; charset=utf-8']);
      expect(absent.headers.get('cache-control')).toBe('no-store');
      expect(absent.headers.get('content-security-policy')).toContain("default-src 'none'");
      const text = await absent.text();
      expect(text).toMatch(/http-equiv="refresh".*being built.*npm run build -w admin-ui/s);
    } finally {
      await other.stop();
    }
  });

  it('is not there at all with ADMIN_ENABLED=false', async () => {
    const other = await startTestRelay({ ADMIN_PANEL_DIR: folder, ADMIN_ENABLED: 'false' });
    try {
      expect((await fetch(`${other.url}/admin/`)).status).toBe(404);
      expect((await fetch(`${other.url}/admin`, { redirect: 'manual' })).status).toBe(404);
      expect((await fetch(`${other.url}/relay/health`)).status).toBe(200);
    } finally {
      await other.stop();
    }
  });
});
