import { connect } from 'node:net';
import { ArrivalScanner, SENT } from './arrival-scanner.ts';

const DEADLINE_MS = 120_000;

/**
 * Reads a stream whose ids are `1-0`, `2-0`, … page by page over a bare socket and only counts the events in the answers:
 * what Redis gives at most to one reader that waits for each page. Resolves with the seconds it took.
 */
export function bareXread(port: number, key: string, read: { entries: number; count: number }): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(() => reject(new Error(`${seen} of ${read.entries} came`))), DEADLINE_MS);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const startedAt = performance.now();
    let seen = 0;
    let asked = 0;
    const ask = () => {
      const parts = ['XREAD', 'COUNT', String(read.count), 'STREAMS', key, `${asked}-0`];
      asked = Math.min(read.entries, asked + read.count);
      socket.write(`*${parts.length}\r\n${parts.map(part => `$${part.length}\r\n${part}\r\n`).join('')}`);
    };
    const scanner = new ArrivalScanner(SENT, () => {
      seen += 1;
    });
    socket.on('connect', ask);
    socket.on('error', error => end(() => reject(error)));
    socket.on('data', chunk => {
      scanner.take(chunk);
      if (seen >= read.entries) end(() => resolve((performance.now() - startedAt) / 1_000));
      else if (seen >= asked) ask();
    });
  });
}
