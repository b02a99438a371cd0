import { z } from 'zod';
import type { Feed } from '../feed/feed.ts';
import type { ApiClient } from '../pbx/api-client.ts';
import { type Answer, type CallControlApi, callControlSegments, isAction } from '../pbx/call-control.ts';
import type { ClientRegister } from '../pbx/client-register.ts';

const requestSchema = z.object({
  requestid: z.union([z.string(), z.number()]).transform(String),
  path: z.string(),
  requestdata: z.unknown().optional(),
});

type RequestsDeps = { api: CallControlApi; feed: Feed; register: ClientRegister };

/**
 * REST over the socket (3cx.md §1.3). Official types spell the keys RequestID, Path, RequestData, another source
 * request_id and path (C5): case and underscores do not count here. A path that ends in an action does what its POST
 * does; anything else reads. What cannot be read as a request gets no answer.
 */
export function createSocketRequests({ api, feed, register }: RequestsDeps) {
  return ({ socketId, clientId }: { socketId: number; clientId: string }, text: string): void => {
    const request = requestSchema.safeParse(withPlainKeys(parsed(text)));
    const client = register.get(clientId);
    if (!request.success || !client) return;
    const { requestid: RequestID, path: Path, requestdata } = request.data;
    const answer = run(client, Path, requestdata);
    feed.respond(
      { socketId, clientNumber: register.numberOf(client) },
      { RequestID, Path, StatusCode: answer.status, Response: answer.body },
    );
  };

  function run(client: ApiClient, path: string, data: unknown): Answer {
    const segments = callControlSegments(path);
    const refusal = register.refusalOf(client);
    if (refusal !== null) return { status: refusal, body: null };
    if (!segments) return { status: 404, body: { error: 'not_found' } };
    if (!isAction(segments)) return api.read(client, segments);
    return api.act(client, segments, withPlainKeys(typeof data === 'string' ? parsed(data) : data) ?? {});
  }
}

function withPlainKeys(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.toLowerCase().replaceAll('_', ''), each] as const),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
