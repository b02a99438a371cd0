import { once } from 'node:events';
import { resolve } from 'node:path';
import type { ConnectionState } from '@3cx-relay/shared/client/link.ts';
import { filePositions } from '@3cx-relay/shared/client/node/file-positions.ts';
import { createRelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { RelayError } from '@3cx-relay/shared/client/relay-error.ts';
import { paint } from '../dev/terminal.js';
import { findRelay } from './find-relay.ts';
import type { Settings } from './settings.ts';
import { parseTailArguments } from './tail-arguments.ts';
import { formatItem } from './tail-format.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const TAIL_USAGE = `usage: 3cx-relay tail [options]

  One line per event of the relay, until Ctrl-C. Cut off, it continues where it was.

  --after POS|start|now   where to begin; default now. --from-start is --after start
  --dn 101,102            only these extensions
  --event call.ended,…    only these events
  --call ID,…             only these calls
  --channel calls,health  which channels; default calls
  --json                  one message per line, for jq
  --positions FILE        keep the position in FILE and continue there the next time
  --url URL               default: RELAY_URL, or the relay that runs here
  --key-file FILE         default: API_KEY, or the key of a stack in a checkout
`;

/** Resolves with the exit code. What is shown goes to stdout, what is said about the connection to stderr. */
export async function tail(args: readonly string[], settings: Settings, { stdout, stderr }: Terminal): Promise<number> {
  const { after, channels, filters, isJson, isHelp, ...options } = parseTailArguments(args);
  if (isHelp) {
    stdout.write(TAIL_USAGE);
    return 0;
  }
  const { url, apiKey } = findRelay({ ...options, keyFile: fromUser(options.keyFile) }, settings);
  const file = fromUser(options.positionsFile);
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // Whoever reads has gone, as "head" does when it has enough.
  stdout.on('error', stop);

  try {
    const items = createRelayClient({ url, apiKey }).events({
      ...{ after, channels, ...filters, signal: stopped.signal },
      ...(file === undefined ? {} : { positions: filePositions(file) }),
      onState: state => sayState(state, { url, stderr }),
    });
    for await (const item of items) {
      const line = isJson ? JSON.stringify(item) : formatItem(item);
      if (!stdout.write(`${line}\n`)) await once(stdout, 'drain', { signal: stopped.signal });
    }
    return 0;
  } catch (error) {
    if (stopped.signal.aborted) return 0;
    if (error instanceof RelayError && error.code === 'invalid_options') throw new UsageError(error.message);
    throw error instanceof RelayError ? new Error(explain(error), { cause: error }) : error;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** npm runs programs of a workspace in that workspace's folder, and says where the user was. */
function fromUser(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(process.env.INIT_CWD ?? process.cwd(), path);
}

function sayState(state: ConnectionState, { url, stderr }: { url: string } & Pick<Terminal, 'stderr'>): void {
  if (state.state === 'open') stderr.write(`${paint('dim', `  connected to ${url}`)}\n`);
  if (state.state !== 'waiting') return;
  const seconds = (state.retryInMs / 1000).toFixed(1);
  stderr.write(`${paint('dim', `  … ${state.reason}; continuing behind the last event in ${seconds} s`)}\n`);
}

function explain({ code, message }: RelayError): string {
  if (code === 'unauthenticated') return 'The relay refuses the API key; set API_KEY to a valid one.';
  return `The relay refuses: ${message}`;
}
