import type { Duplex } from 'node:stream';
import {
  type CloseVerdict,
  FORBIDDEN,
  LIMIT,
  PROTOCOL_ERROR,
  RESTART,
  UNAUTHENTICATED,
} from '@3cx-relay/shared/wire/close-codes.ts';
import type { Problem, ProblemCode } from '@3cx-relay/shared/wire/problem.ts';
import type { WebSocket } from 'ws';
import { PROTECTIVE_HEADERS } from '../public/protective-headers.ts';
import { retryAfter } from '../public/retry-after.ts';

/** The other side gets so long to answer the close. */
const CLOSE_GRACE_MS = 1_000;

/** Says no in the answer to the upgrade, as to any request. */
export function refuseByStatus(stream: Duplex, problem: Problem): void {
  const { status, title, retryAfterMs } = problem;
  const body = JSON.stringify(problem);
  stream.end(
    [
      `HTTP/1.1 ${status} ${title}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      ...Object.entries(PROTECTIVE_HEADERS).map(([name, value]) => `${name}: ${value}`),
      ...(status === 401 ? ['www-authenticate: Bearer'] : []),
      ...(retryAfterMs === undefined ? [] : [`retry-after: ${retryAfter(retryAfterMs)}`]),
      '',
      body,
    ].join('\r\n'),
  );
}

/** Says no to a browser, which sees nothing of an upgrade that fails: accepted, told, closed. */
export function refuseByClose(ws: WebSocket, problem: Problem): void {
  const { code, reason, reconnect } = verdictOf(problem.code);
  ws.on('error', () => undefined);
  const field = problem.field === undefined ? {} : { field: problem.field };
  ws.send(JSON.stringify({ type: 'error', code: problem.code, message: problem.detail, ...field }));
  if (reconnect) ws.send(JSON.stringify({ type: 'reconnect', afterMs: problem.retryAfterMs ?? 0 }));
  ws.close(code, reason);
  const timer = setTimeout(() => ws.terminate(), CLOSE_GRACE_MS).unref();
  ws.once('close', () => clearTimeout(timer));
}

export function verdictOf(code: ProblemCode): CloseVerdict {
  switch (code) {
    case 'unauthenticated':
      return UNAUTHENTICATED;
    case 'forbidden':
    case 'address_not_allowed':
      return FORBIDDEN;
    case 'too_many_failures':
    case 'too_many_connections':
    case 'too_many_key_connections':
    case 'too_many_requests':
      return LIMIT;
    case 'stopping':
    case 'unavailable':
      return RESTART;
    default:
      return PROTOCOL_ERROR;
  }
}
