import { readFile, utimes, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import adapterStatic from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig, type Plugin } from 'vite';
import packageJson from './package.json' with { type: 'json' };
import { readSettingMeanings } from './setting-meanings.ts';

const BUILD = 'build';
const RELATIONS: Readonly<Record<string, string>> = {
  '.js': 'rel="modulepreload"',
  '.css': 'rel="stylesheet"',
};

/**
 * Who is signed in is what the panel asks before anything else: the answer comes while its scripts do, and not a round trip
 * after them.
 */
const FIRST_ANSWER = '<link href="./setup" rel="preload" as="fetch" crossorigin>\n\t\t';

/**
 * The static adapter, with relative paths in its page: SvelteKit names assets from the root of the host, but the panel
 * lives under whatever prefix a proxy gives it. It names the files that the first page needs, too (`firstPage`). Every file
 * gets its encodings beside it, so that the relay has nothing to compress. The page is touched last, which is how the
 * relay knows that a build is complete.
 */
function relativeStatic(firstPage: readonly string[]): ReturnType<typeof adapterStatic> {
  const adapter = adapterStatic({ pages: BUILD });
  return {
    ...adapter,
    async adapt(builder) {
      await adapter.adapt(builder);
      const path = join(BUILD, 'index.html');
      const page = await readFile(path, 'utf8');
      const links = firstPage.map(file => `<link href="./${file}" ${RELATIONS[extname(file)]}>\n\t\t`).join('');
      const relative = page
        .replaceAll('"/_app/', '"./_app/')
        .replace(/(?=<link href="[^"]+" rel="modulepreload">)/, FIRST_ANSWER)
        .replace(/(?=<link href="[^"]+" rel="stylesheet">)/, links);
      await writeFile(path, relative);
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

/**
 * Which page is opened stands behind the #, which is for scripts to read, so that SvelteKit asks for it a round trip later.
 * Nearly always it is the first one; that and the page of errors, which comes with every other, are in `files` afterwards.
 */
function findFirstPage(files: string[]): Plugin {
  return {
    name: 'find-first-page',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk' || !chunk.fileName.startsWith('_app/immutable/nodes/')) continue;
        const { importedIds = [] } = this.getModuleInfo(chunk.facadeModuleId ?? '') ?? {};
        if (!importedIds.some(id => /\/src\/routes\/\+(page|error)\.svelte$/.test(id))) continue;
        files.push(chunk.fileName, ...(chunk.viteMetadata?.importedCss ?? []));
      }
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

/** But not what SvelteKit begins with, which it looks for under its own name. */
const BUNDLED =
  /\/(admin-ui\/src|node_modules\/(svelte|devalue|@sveltejs\/kit(?!\/src\/runtime\/client\/(client-)?entry)))\//;
const FIRST_ROOTS = /\/src\/routes\/\+(layout|page|error)\.svelte$|\/runtime\/client\//;

interface Modules {
  getModuleInfo(id: string): { readonly importers: readonly string[] } | null;
}

/** Whether what every page has, or the first one, needs the module; what only others share comes with them. */
function isOfFirstPage(id: string, modules: Modules): boolean {
  const seen = new Set([id]);
  // Grows while it is walked.
  for (const each of seen) {
    if (FIRST_ROOTS.test(each)) return true;
    for (const importer of modules.getModuleInfo(each)?.importers ?? []) seen.add(importer);
  }
  return false;
}

const firstPage: string[] = [];

export default defineConfig({
  plugins: [
    settingMeanings(),
    announcerWithoutInlineStyle(),
    findFirstPage(firstPage),
    sveltekit({
      adapter: relativeStatic(firstPage),
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
            // Whole, so that its styles are one file, too.
            { name: (id, modules) => (isOfFirstPage(id, modules) ? 'first' : null), test: BUNDLED },
            { name: 'pages', test: BUNDLED, minShareCount: 2 },
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
