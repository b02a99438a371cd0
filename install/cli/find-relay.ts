import { readFileSync } from 'node:fs';
import type { Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

const DEFAULT_PORT = '8082';

/**
 * Which relay, and with which key: what the command line names, else the settings (`RELAY_URL`, `API_KEY`), else the
 * relay that is installed on this machine or the stack that runs in this checkout. A key is never an argument, because
 * every user of a machine sees those; and the key of the running stack goes to that stack only.
 *
 * @throws UsageError
 */
export function findRelay(
  options: { url: string | undefined; keyFile: string | undefined },
  settings: Settings,
): { url: string; apiKey: string } {
  const { values, stack } = settings;
  const url = options.url ?? relayUrlOf(settings);
  if (url === undefined) {
    throw new UsageError('Nothing is running here: run "npm start" first, or say where the relay is with --url.');
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`"${url}" is not the URL of a relay, such as http://127.0.0.1:8082.`);
  }
  const ofStack = stack && new URL(stack.relayUrl).origin === new URL(url).origin ? stack.apiKey : undefined;
  const apiKey = options.keyFile === undefined ? (values.API_KEY ?? ofStack) : readKey(options.keyFile);
  if (!apiKey) throw new UsageError(`There is no key for ${url}: set API_KEY, or name a file with --key-file.`);
  return { url, apiKey };
}

/** Undefined in a checkout where nothing runs. */
export function relayUrlOf({ values, installation, stack }: Settings): string | undefined {
  if (values.RELAY_URL) return values.RELAY_URL;
  if (installation) return `http://127.0.0.1:${values.PORT ?? DEFAULT_PORT}`;
  return stack?.relayUrl;
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
