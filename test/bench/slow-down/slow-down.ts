/**
 * A slow-down on purpose, to see that the report shows it: `--slow-down json-parse`. The relay is started with a module
 * in front of its own code; the product has no switch for it.
 */
const NAMES = ['json-parse'] as const;

/** Settings for the process that is to be slow: none when nobody asked for it. */
export function startSlowDown(): Record<string, string> {
  const { BENCH_SLOW_DOWN: name } = process.env;
  if (!name) return {};
  if (!isName(name)) throw new Error(`--slow-down knows ${NAMES.join(', ')}, not ${name}`);
  return { NODE_OPTIONS: `--import=${new URL(`./${name}.ts`, import.meta.url).href}` };
}

function isName(name: string): name is (typeof NAMES)[number] {
  return (NAMES as readonly string[]).includes(name);
}
