import { resolve } from 'node:path';

/**
 * A slow-down on purpose, to see that the report shows it: `--slow-down json-parse`. The relay is started with a module
 * in front of its own code; the product has no switch for it.
 */
const PROFILES = '.data/bench/profiles';
const NAMES = ['json-parse'] as const;

export function slowDownName(): string | undefined {
  const at = process.argv.indexOf('--slow-down');
  return at === -1 ? undefined : (process.argv[at + 1] ?? '');
}

export function isSlowedDown(): boolean {
  return slowDownName() !== undefined;
}

/** Environment of the relay: empty when nobody asked for anything. `--cpu-prof` leaves a profile in `.data/bench/profiles`. */
export function relaySettings(): Record<string, string> {
  const name = slowDownName();
  const options: string[] = [];
  if (name !== undefined) {
    if (!isName(name)) throw new Error(`--slow-down knows ${NAMES.join(', ')}, not ${name}`);
    options.push(`--import=${new URL(`./${name}.ts`, import.meta.url).href}`);
  }
  if (process.argv.includes('--cpu-prof')) options.push('--cpu-prof', `--cpu-prof-dir=${resolve(PROFILES)}`);
  return options.length === 0 ? {} : { NODE_OPTIONS: options.join(' ') };
}

function isName(name: string): name is (typeof NAMES)[number] {
  return (NAMES as readonly string[]).includes(name);
}
