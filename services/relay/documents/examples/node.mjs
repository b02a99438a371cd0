// Prints every event as it happens. Started again it goes on where it stopped. Node 22 or later, no packages.
//
//   RELAY_URL=http://127.0.0.1:8082 RELAY_KEY=3cxr_… node node.mjs
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

const { RELAY_URL, RELAY_KEY, POSITION_FILE = 'position.txt' } = process.env;
const headers = { authorization: `Bearer ${RELAY_KEY}` };
let position = readPosition();
let waitMs = 0;

connect();

function connect() {
  const url = new URL('/relay/ws', RELAY_URL);
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = new URLSearchParams({ channels: 'calls', after: position ?? 'start' }).toString();
  const socket = new WebSocket(url, { protocols: ['relay.v1'], headers });
  let advisedMs = null;

  socket.onmessage = ({ data }) => {
    waitMs = 0;
    const message = JSON.parse(data);
    if (message.type === 'reconnect') advisedMs = message.afterMs;
    if (message.type === 'gap')
      console.error('events are missing:', message.reason, message.lost ?? 'nobody knows how many');
    // Positions of one channel compare as text: what was dealt with before is not dealt with again.
    if (message.type === 'call_event' && (position === null || message.id > position)) handle(message);
    if (message.id) keepPosition(message.id);
  };
  socket.onerror = () => {};
  socket.onclose = async ({ code, reason }) => {
    const refusal = await refusalOf(code, reason);
    if (refusal !== null) {
      console.error(`the relay closed the connection: ${refusal}`);
      process.exitCode = 1;
      return;
    }
    waitMs = Math.min(30_000, Math.max(500, waitMs * 2));
    setTimeout(connect, advisedMs ?? Math.random() * waitMs);
  };
}

/** Why it makes no sense to come back; null when it does. */
async function refusalOf(code, reason) {
  // From 4000 on, and for 1009, the relay has said no: the same request would meet the same answer.
  if (code >= 4000 || code === 1009) return `${code} ${reason}`;
  // A WebSocket keeps to itself what answered an upgrade that was refused; the same question over HTTP tells it.
  const answer = await fetch(new URL('/relay/events?after=now', RELAY_URL), { headers }).catch(() => null);
  return answer?.status === 401 || answer?.status === 403 ? (await answer.json()).detail : null;
}

function handle(event) {
  console.log(event.at, event.event, event.call?.callId ?? '', event.call?.caller?.number ?? '');
}

function readPosition() {
  try {
    return readFileSync(POSITION_FILE, 'utf8');
  } catch {
    return null;
  }
}

function keepPosition(id) {
  position = id;
  writeFileSync(`${POSITION_FILE}.new`, id);
  renameSync(`${POSITION_FILE}.new`, POSITION_FILE);
}
