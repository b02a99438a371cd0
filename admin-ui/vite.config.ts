import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import adapterStatic from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig, type Plugin } from 'vite';
import packageJson from './package.json' with { type: 'json' };
import { readSettingMeanings } from './setting-meanings.ts';

const BUILD = 'build';

/**
 * The static adapter, with relative paths in its page: SvelteKit names assets from the root of the host, but the panel
 * lives under whatever prefix a proxy gives it. Every file gets its encodings beside it, so that the relay has nothing to
 * compress. The page is touched last, which is how the relay knows that a build is complete.
 */
function relativeStatic(): ReturnType<typeof adapterStatic> {
  const adapter = adapterStatic({ pages: BUILD });
  return {
    ...adapter,
    async adapt(builder) {
      await adapter.adapt(builder);
      const path = join(BUILD, 'index.html');
      const page = await readFile(path, 'utf8');
      await writeFile(path, page.replaceAll('"/_app/', '"./_app/'));
      await builder.compress(BUILD);
      const now = new Date();
      await utimes(path, now, now);
    },
  };
}

/**
 * SvelteKit hides its route announcer with an inline style, which the relay's policy for the panel forbids; the rule
 * stands in base.css instead.
 */
function announcerWithoutInlineStyle(): Plugin {
  return {
    name: 'announcer-without-inline-style',
    enforce: 'pre',
    transform: {
      filter: { id: /@sveltejs\/kit\/src\/runtime\/components\/root\.svelte$/ },
      handler(code) {
        const plain = code.replace(/(id="svelte-announcer"[^>]*?)\s+style="[^"]*"/, '$1');
        if (plain === code) this.error('the route announcer has no inline style any more: remove this plugin');
        return { code: plain, map: null };
      },
    },
  };
}

/** `.env.example` is where each setting is explained; the panel says the same beside its value. */
function settingMeanings(): Plugin {
  const name = 'virtual:setting-meanings';
  const envExample = fileURLToPath(new URL('../.env.example', import.meta.url));
  return {
    name: 'setting-meanings',
    resolveId: { filter: { id: new RegExp(`^${name}$`) }, handler: () => `\0${name}` },
    load: {
      filter: { id: new RegExp(`^\0${name}$`) },
      async handler() {
        this.addWatchFile(envExample);
        const meanings = readSettingMeanings(await readFile(envExample, 'utf8'));
        return `export const settingMeanings = ${JSON.stringify(meanings)};`;
      },
    },
  };
}

export default defineConfig({
  plugins: [
    settingMeanings(),
    announcerWithoutInlineStyle(),
    sveltekit({
      adapter: relativeStatic(),
      router: { type: 'hash' },
      // The default is the time of the build, which would give unchanged files new names.
      version: { name: packageJson.version },
    }),
  ],
  build: {
    rolldownOptions: {
      output: {
        // Left alone there are fifty files of a kilobyte before the first page, each of them a request.
        codeSplitting: {
          groups: [
            // SvelteKit fills this before it runs anything else: it must not come in one file with the rest.
            { name: 'start', test: /runtime\/client\/payload\.js|preload-helper/, priority: 1 },
            { name: 'panel', test: /\/(admin-ui\/src\/lib|node_modules\/svelte)\//, minShareCount: 2 },
          ],
        },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/relay', '^/admin/.+'].map(path => [
        path,
        { target: `http://127.0.0.1:${process.env.PORT ?? 8082}`, ws: true },
      ]),
    ),
  },
});
