import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import { refuseByStatus } from '../live/refuse-upgrade.ts';
import { PROTECTIVE_HEADERS } from './protective-headers.ts';

/**
 * What never becomes a request: bytes that are no HTTP, headers without end, half a request that stays half. Node would
 * answer with a bare status; whoever reads the answer is told what is wrong in the words of every other refusal.
 */
export function refuseBrokenRequests(server: Server): void {
  const answering = new WeakSet<Duplex>();
  server.on('request', ({ socket }, response) => {
    answering.add(socket);
    response.once('close', () => answering.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Within an answer that is under way nothing can be said any more.
    if (error.code === 'ECONNRESET' || !socket.writable || answering.has(socket)) return void socket.destroy();
    refuseByStatus(socket, problemOf(error));
  });
  server.on('checkExpectation', (_request, response) => {
    answer(
      response,
      problem('expectation_failed', 'Expect: only 100-continue can be expected of this relay', 'Expect'),
    );
  });
}

/** HTTP/1.1 demands a host of every request (RFC 9112 §3.2); the server of Node would refuse it without a word. */
export function requireHost(handle: RequestListener): RequestListener {
  return (request, response) => {
    if (request.headers.host !== undefined || request.httpVersion === '1.0') return handle(request, response);
    answer(response, problem('invalid_request', 'Host: is required of every HTTP/1.1 request', 'Host'));
  };
}

/**
 * A target is a path, or a whole URL as proxies send it (RFC 9112 §3.2). Everything behind here takes it apart with a
 * parser that throws on what is neither; a fragment is never sent.
 */
export function requireTarget(handle: RequestListener): RequestListener {
  return (request, response) => {
    const path = pathOf(request.url ?? '');
    if (path === null) return answer(response, problem('invalid_request', 'the request target is not a path'));
    request.url = path;
    handle(request, response);
  };
}

function pathOf(target: string): string | null {
  if (target.includes('#')) return null;
  if (target.startsWith('/') || target === '*') return target;
  if (!/^https?:\/\//i.test(target) || !URL.canParse(target)) return null;
  const { pathname, search } = new URL(target);
  return pathname + search;
}

function answer(response: ServerResponse, refusal: Problem): void {
  const body = JSON.stringify(refusal);
  response.writeHead(refusal.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    ...PROTECTIVE_HEADERS,
  });
  response.end(body);
}

function problemOf({ code }: NodeJS.ErrnoException): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return problem('headers_too_large', 'the request line and the headers together are too long: send less of them');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return problem('payload_too_large', 'the extensions of the chunks are too long: leave them out');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problem('request_timeout', 'the request did not come to its end in time: send it again');
    default:
      return problem('invalid_request', 'this is not an HTTP/1.1 request');
  }
}
