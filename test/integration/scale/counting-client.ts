import { WebSocket } from 'ws';

/** Counts and compares positions as text, and keeps no message: a million of them are not to be this process' memory. */
export type CountingClient = {
  readonly received: number;
  readonly bytes: number;
  /** Position of the newest entry. */
  readonly last: string;
  /** What did not follow the one before it, the first few. */
  readonly breaks: readonly string[];
  isCaughtUp(): boolean;
  pause(): void;
  resume(): void;
  cut(): void;
  readonly closed: Promise<number>;
};

const ENTRY = '{"type":"call_event","id":"';
const POSITION_LENGTH = 25;
const KEPT = 10;

/** `isStalled`: it reads nothing behind the handshake until it is told to. */
export function createCountingClient(
  relay: { url: string; apiKey: string },
  query: Record<string, string>,
  options: { isStalled?: boolean; last?: string } = {},
): CountingClient {
  const url = `${relay.url.replace(/^http/, 'ws')}/relay/ws?${new URLSearchParams(query)}`;
  const headers = { authorization: `Bearer ${relay.apiKey}` };
  const ws = new WebSocket(url, 'relay.v1', { headers, perMessageDeflate: false });
  let received = 0;
  let bytes = 0;
  let last = options.last ?? '';
  let isCaughtUp = false;
  const breaks: string[] = [];
  const note = (text: string): void => void (breaks.length < KEPT && breaks.push(text));
  if (options.isStalled) ws.on('open', () => ws.pause());
  ws.on('message', (data: Buffer) => {
    bytes += data.length;
    if (data.toString('latin1', 0, ENTRY.length) !== ENTRY) {
      const { type } = JSON.parse(String(data)) as { type: string };
      isCaughtUp ||= type === 'caught_up';
      if (type === 'gap' || type === 'error') note(String(data));
      return;
    }
    const position = data.toString('latin1', ENTRY.length, ENTRY.length + POSITION_LENGTH);
    const isNext = last === '' || Number(position.slice(9)) === Number(last.slice(9)) + 1;
    if (position <= last || !isNext) note(`${position} after ${last}`);
    last = position;
    received += 1;
  });
  ws.on('error', () => undefined);
  const closed = new Promise<number>(resolve => ws.on('close', resolve));
  return {
    get received() {
      return received;
    },
    get bytes() {
      return bytes;
    },
    get last() {
      return last;
    },
    breaks,
    isCaughtUp: () => isCaughtUp,
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    cut: () => ws.terminate(),
    closed,
  };
}
