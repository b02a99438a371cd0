import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { shouldReconnect } from '@3cx-relay/shared/wire/close-codes.ts';
import { readEnvironment } from './stack/environment.ts';
import { formatMessage, parseMessage } from './tail-format.ts';
import { fail, paint, say, surviveClosedTerminal } from './terminal.js';

/**
 * `npm run tail`: every event of the running stack as one line. It keeps the position of the last event and continues
 * behind it when the connection was lost, as any client should. The WebSocket of Node itself is enough for that.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const firstWaitMs = 500;
const longestWaitMs = 10_000;
surviveClosedTerminal();

const { relayUrl, apiKey } = findStack();
let after = process.argv.includes('--from-start') ? 'start' : 'now';
let waitMs = firstWaitMs;

for (;;) {
  const end = await follow();
  if (end.isFinal) {
    fail(end.reason);
    process.exit(1);
  }
  say(paint('dim', `  … ${end.reason}; continuing ${after === 'now' ? 'live' : 'behind the last event'}`));
  await sleep(waitMs);
  waitMs = Math.min(waitMs * 2, longestWaitMs);
}

/** Resolves when the connection is over. */
function follow(): Promise<{ isFinal: boolean; reason: string }> {
  const address = new URL('/relay/ws', relayUrl);
  address.protocol = address.protocol.replace('http', 'ws');
  address.search = new URLSearchParams({ channels: 'calls', after }).toString();
  const socket = new WebSocket(address, { headers: { authorization: `Bearer ${apiKey}` } });
  let wasOpen = false;
  socket.addEventListener('open', () => {
    wasOpen = true;
    waitMs = firstWaitMs;
    say(paint('dim', `  connected to ${relayUrl}`));
  });
  socket.addEventListener('message', ({ data }) => {
    const message = parseMessage(String(data));
    if (message === undefined) return;
    if (message.position !== undefined) after = message.position;
    const line = formatMessage(message);
    if (line !== undefined) say(line);
  });
  return new Promise(resolve => {
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', async ({ code, reason }) => {
      if (!shouldReconnect(code))
        return resolve({ isFinal: true, reason: `the relay closed the connection: ${reason || code}` });
      if (!wasOpen && (await isRefused())) {
        return resolve({ isFinal: true, reason: 'the relay refuses the API key; set API_KEY to a valid one.' });
      }
      resolve({ isFinal: false, reason: wasOpen ? 'connection lost' : 'the relay does not answer' });
    });
  });
}

/** A refused upgrade looks like any lost connection; a plain request says which of the two it is. */
async function isRefused(): Promise<boolean> {
  try {
    const { status } = await fetch(new URL('/relay/active-calls', relayUrl), {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(5_000),
    });
    return status === 401 || status === 403;
  } catch {
    return false;
  }
}

function findStack(): { relayUrl: string; apiKey: string } {
  const environment = readEnvironment(root, process.env);
  const path = resolve(root, environment.RELAY_DATA_DIR ?? '.data', 'stack.json');
  let kept: { relayUrl?: unknown; apiKey?: unknown } = {};
  try {
    kept = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // both may come from the environment
  }
  const url = environment.RELAY_URL ?? kept.relayUrl;
  const key = environment.API_KEY ?? kept.apiKey;
  if (typeof url === 'string' && typeof key === 'string') return { relayUrl: url, apiKey: key };
  fail('Nothing is running here: run "npm start" first, or set RELAY_URL and API_KEY.');
  process.exit(1);
}
