/**
 * A slow-down on purpose, to see that the report shows it: `--slow-down json-parse`. The relay is started with a module
 * in front of its own code; the product has no switch for it.
 */
const NAMES = ['json-parse'] as const;

export function slowDownName(): string | undefined {
  const at = process.argv.indexOf('--slow-down');
  return at === -1 ? undefined : (process.argv[at + 1] ?? '');
}

export function isSlowedDown(): boolean {
  return slowDownName() !== undefined;
}

/** Settings for the process that is to be slow: none when nobody asked for it. */
export function slowDownSettings(): Record<string, string> {
  const name = slowDownName();
  if (name === undefined) return {};
  if (!isName(name)) throw new Error(`--slow-down knows ${NAMES.join(', ')}, not ${name}`);
  return { NODE_OPTIONS: `--import=${new URL(`./${name}.ts`, import.meta.url).href}` };
}

function isName(name: string): name is (typeof NAMES)[number] {
  return (NAMES as readonly string[]).includes(name);
}
