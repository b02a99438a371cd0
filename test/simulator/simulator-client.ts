import { once } from 'node:events';
import { WebSocket } from 'ws';

export type Reply = { status: number; body: unknown };
export type Tap = { socket: WebSocket; texts: string[]; closed: Promise<number> };

/** What a test does to a simulator from outside: control it, be its API client, listen to its socket. */
export function createSimulatorClient(url: string, credentials: { clientId: string; clientSecret: string }) {
  const request = async (
    method: string,
    path: string,
    init: { body?: unknown; token?: string } = {},
  ): Promise<Reply> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(init.token === undefined ? {} : { authorization: `Bearer ${init.token}` }),
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
  };

  return {
    request,
    get: (path: string, token?: string) => request('GET', path, token === undefined ? {} : { token }),
    post: (path: string, body: unknown, token?: string) =>
      request('POST', path, token === undefined ? { body } : { body, token }),

    async token(): Promise<string> {
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: credentials.clientId,
        client_secret: credentials.clientSecret,
      });
      const response = await fetch(`${url}/connect/token`, { method: 'POST', body: form });
      const reply: unknown = await response.json();
      if (typeof reply !== 'object' || reply === null || !('access_token' in reply)) throw new Error('no token came');
      return String(reply.access_token);
    },

    async listen(token: string): Promise<Tap> {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/callcontrol/ws`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const texts: string[] = [];
      socket.on('message', message => texts.push(message.toString()));
      const closed = new Promise<number>(resolve => socket.once('close', resolve));
      await once(socket, 'open');
      return { socket, texts, closed };
    },

    /** The status the upgrade was refused with; 101 when it was not. */
    async upgradeStatus(headers: Record<string, string>, path = '/callcontrol/ws'): Promise<number> {
      const socket = new WebSocket(url.replace('http', 'ws') + path, { headers });
      return new Promise((resolve, reject) => {
        socket.once('unexpected-response', (_, response) => {
          resolve(response.statusCode ?? 0);
          response.destroy();
        });
        socket.once('open', () => {
          socket.terminate();
          resolve(101);
        });
        socket.once('error', reject);
      });
    },
  };
}

/** Waits for a condition, not for a time; the deadline only names what never came. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, deadlineMs = 5000): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`Waited ${deadlineMs} ms in vain until ${what}.`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
