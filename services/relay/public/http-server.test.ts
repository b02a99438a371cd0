import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { expect, test } from 'vitest';
import { createHttpServer, listen } from './http-server.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

test('a server that stops closes connections on which nothing came, and answers the request that is still coming', async () => {
  const { server, finishRequests } = createHttpServer((_, response) => response.end('answered'), {
    ...{ maxHalfOpen: 10, logger },
  });
  const port = await listen(server, { HOST: '127.0.0.1', PORT: 0 });
  const silent = await open(port, server);
  const slow = await open(port, server);
  slow.write('GET / HTTP/1.1\r\nHost: relay\r\n');
  server.close();
  const finishing = finishRequests();
  expect(await text(silent)).toBe('');
  slow.write('\r\n');
  expect(await text(slow)).toContain('answered');
  await finishing;
  expect(await new Promise(resolve => server.getConnections((_, count) => resolve(count)))).toBe(0);
});

/** A connection that the server has taken. */
async function open(port: number, server: Server): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  await once(server, 'connection');
  return socket;
}
