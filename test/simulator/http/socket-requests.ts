import { z } from 'zod';
import type { Feed } from '../feed/feed.ts';
import { type Answer, type CallControlApi, callControlSegments } from '../pbx/call-control.ts';

const requestSchema = z.object({
  RequestID: z.string(),
  Path: z.string(),
  RequestData: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
});

/**
 * REST over the socket, with the PascalCase keys of the official types (3cx.md C5). An object as `RequestData` makes it
 * an action, its keys lower-case as in REST; anything else reads. What cannot be read gets no answer.
 */
export function createSocketRequests({ api, feed }: { api: CallControlApi; feed: Feed }) {
  return (socketId: number, text: string): void => {
    const request = requestSchema.safeParse(parsed(text));
    if (!request.success) return;
    const { RequestID, Path, RequestData } = request.data;
    const answer = run(api, Path, RequestData);
    feed.respond(socketId, Path, { RequestID, Path, StatusCode: answer.status, Response: answer.body });
  };
}

function run(api: CallControlApi, path: string, data: unknown): Answer {
  const segments = callControlSegments(path);
  if (!segments) return { status: 404, body: { error: 'not_found' } };
  if (typeof data !== 'object' || data === null) return api.read(segments);
  return api.act(segments, Object.fromEntries(Object.entries(data).map(([key, value]) => [key.toLowerCase(), value])));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
