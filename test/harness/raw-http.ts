import { connect, type Socket } from 'node:net';

export type RawAnswer = { status: number; headers: string; body: string };

const LONGEST_MS = 15_000;

/**
 * Bytes as they are, over a connection of their own: client libraries refuse to send most of what is tried here. The
 * answer is what comes until the other side closes or the answer is whole; null when it closes without one.
 *
 * @throws when the other side neither answers nor closes
 */
export function sendRaw(url: string, bytes: Buffer): Promise<RawAnswer | null> {
  const socket = openRaw(url);
  return new Promise((resolve, reject) => {
    let text = '';
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(text));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`neither a whole answer nor a close within ${LONGEST_MS} ms: ${text.slice(0, 200)}`));
    }, LONGEST_MS);
    socket.on('data', chunk => {
      text += chunk.toString('latin1');
      const answer = parse(text);
      if (answer && (isWhole(answer) || answer.status === 101 || isStream(answer))) end();
    });
    socket.on('close', end);
    socket.on('error', end);
    socket.write(bytes);
    // Half of a request is not finished by waiting for the rest of it.
    socket.end();
  });
}

let opened = 0;

/** From one address of this host after the other: the ports of one are used up after some ten thousand connections. */
export function openRaw(url: string): Socket {
  const { hostname, port } = new URL(url);
  opened += 1;
  return connect({ port: Number(port), host: hostname, localAddress: `127.0.0.${2 + (opened % 250)}` });
}

function parse(text: string): RawAnswer | null {
  const end = text.indexOf('\r\n\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
  if (status === 100 && end > 0) return parse(text.slice(end + 4));
  if (end < 0 || Number.isNaN(status)) return null;
  const headers = text.slice(0, end).toLowerCase();
  const length = lengthIn(headers);
  // Behind it may stand the answer to what was left over.
  return { status, headers, body: text.slice(end + 4, length === null ? undefined : end + 4 + length) };
}

function lengthIn(headers: string): number | null {
  const length = /\ncontent-length: (\d+)/.exec(headers)?.[1];
  return length === undefined ? null : Number(length);
}

function isWhole({ status, headers, body }: RawAnswer): boolean {
  if (status === 204 || status === 304) return true;
  const length = lengthIn(headers);
  return length !== null && body.length >= length;
}

/** It does not end by itself. */
function isStream({ headers }: RawAnswer): boolean {
  return headers.includes('text/event-stream');
}
