import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../dev/stack/environment.ts';
import { UsageError } from './usage-error.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Which relay, and with which key: what the command line names, else the environment (`RELAY_URL`, `API_KEY`, also in `.env`),
 * else the stack that runs in this checkout. A key is never an argument, because every user of a machine sees those;
 * and the key of the running stack goes to that stack only.
 *
 * @throws UsageError
 */
export function findRelay(
  options: { url: string | undefined; keyFile: string | undefined },
  processEnv: NodeJS.ProcessEnv,
): { url: string; apiKey: string } {
  const environment = readEnvironment(root, processEnv);
  const stack = readStack(resolve(root, environment.RELAY_DATA_DIR ?? '.data', 'stack.json'));
  const url = options.url ?? environment.RELAY_URL ?? stack?.relayUrl;
  if (url === undefined) {
    throw new UsageError('Nothing is running here: run "npm start" first, or say where the relay is with --url.');
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`"${url}" is not the URL of a relay, such as http://127.0.0.1:8082.`);
  }
  const ofStack = stack && new URL(stack.relayUrl).origin === new URL(url).origin ? stack.apiKey : undefined;
  const apiKey = options.keyFile === undefined ? (environment.API_KEY ?? ofStack) : readKey(options.keyFile);
  if (!apiKey) throw new UsageError(`There is no key for ${url}: set API_KEY, or name a file with --key-file.`);
  return { url, apiKey };
}

function readKey(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new UsageError(`--key-file: ${path} cannot be read.`, { cause });
  }
  // Anything else is another file by mistake, and must not go out in a header.
  if (!/^[\x21-\x7e]{1,512}$/.test(text))
    throw new UsageError(`--key-file: ${path} must hold one key and nothing else.`);
  return text;
}

interface RunningStack {
  readonly relayUrl: string;
  readonly apiKey: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
}

/** What the launcher says of the stack that runs; null when none does. */
export function readStack(path: string): RunningStack | null {
  let kept: { relayUrl?: unknown; apiKey?: unknown; databaseUrl?: unknown; redisUrl?: unknown };
  try {
    kept = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
  if (typeof kept.relayUrl !== 'string') return null;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const { apiKey, databaseUrl, redisUrl } = kept;
  return {
    relayUrl: kept.relayUrl,
    apiKey: text(apiKey),
    databaseUrl: text(databaseUrl),
    redisUrl: text(redisUrl),
  };
}
