import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CallControlApi, callControlSegments } from '../pbx/call-control.ts';
import type { ClientRegister } from '../pbx/client-register.ts';
import type { TokenOffice } from '../pbx/tokens.ts';

type ReadsDeps = { tokens: TokenOffice; register: ClientRegister; api: CallControlApi };

/**
 * GET below `/callcontrol`, straight on node:http. A relay asks for one entity per upsert, thousands in a second during
 * a burst, and shares the machine with us: through Koa and its router each costs about three times as much.
 * Returns false when the request is not one of these.
 */
export function createCallControlReads({ tokens, register, api }: ReadsDeps) {
  return (request: IncomingMessage, response: ServerResponse, path: string): boolean => {
    if (request.method !== 'GET') return false;
    const segments = callControlSegments(path);
    if (!segments) return false;
    const bearer = tokens.accept(request.headers.authorization);
    if (!bearer) {
      response.writeHead(401, { 'www-authenticate': 'Bearer', 'content-length': 0 }).end();
      return true;
    }
    const refusal = register.refusalOf(bearer.client);
    if (refusal !== null) {
      response.writeHead(refusal, { 'content-length': 0 }).end();
      return true;
    }
    const { status, body } = api.read(bearer.client, segments);
    const text = JSON.stringify(body);
    response
      .writeHead(status, {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(text),
      })
      .end(text);
    return true;
  };
}
