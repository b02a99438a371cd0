import { waitFor } from './wait-for.ts';

/** One server-sent event as it stood on the wire. */
export type WireEvent = { id: string | null; message: { type: string; [field: string]: unknown } };

export type SseClient = {
  status: number;
  events: WireEvent[];
  /** Everything that came, comments included. */
  text(): string;
  entries(): WireEvent[];
  waitForMessage(type: string): Promise<WireEvent>;
  close(): void;
  ended: Promise<void>;
};

/** Reads a stream of server-sent events as it comes, and understands no more of it than a browser does. */
export async function openSse(url: string, headers: Record<string, string>): Promise<SseClient> {
  const controller = new AbortController();
  const response = await fetch(url, { headers, signal: controller.signal });
  const events: WireEvent[] = [];
  let text = '';
  let rest = '';
  const take = (block: string): void => {
    const lines = block.split('\n');
    const data = lines.find(line => line.startsWith('data: '))?.slice('data: '.length);
    if (data === undefined) return;
    const id = lines.find(line => line.startsWith('id: '))?.slice('id: '.length) ?? null;
    events.push({ id, message: JSON.parse(data) as WireEvent['message'] });
  };
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const part = decoder.decode(chunk as Uint8Array, { stream: true });
      text += part;
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) take(block);
    }
  };
  return {
    status: response.status,
    events,
    text: () => text,
    entries: () => events.filter(({ message }) => message.type === 'call_event'),
    waitForMessage: type =>
      waitFor(() => events.find(({ message }) => message.type === type), { what: `an event ${type}` }),
    close: () => controller.abort(),
    ended: read().catch(() => undefined),
  };
}
