import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ClientAccount } from './delivery-record.ts';
import { inheritedEnvironment } from './processes.ts';

/** Many clients in a process of their own, so that what they read does not delay whoever steers the test. */
export type ClientCrowd = {
  readonly kind: ClientKind;
  readonly size: number;
  cut(index: number): void;
  accounts(): Promise<ClientAccount[]>;
  /** How many connections each has made: for who asks again and again, while the clients need the machine. */
  connections(): Promise<Uint16Array>;
  /** Of one client: numbers and checksums by turns; empty unless they were kept. */
  items(index: number): Promise<Uint32Array>;
  stop(): Promise<void>;
};

/** `wire` knows a WebSocket and nothing of ours; `library` is the published client; `socket-io` is for comparison. */
export type ClientKind = 'wire' | 'library' | 'socket-io';

/** Each connection is cut by itself every so often, and for so long no new one comes about. */
export type Jitter = { everyMs: number; offlineMs: number };

/** Several addresses are taken by turns. */
export type CrowdSettings = {
  relayUrls: readonly string[];
  apiKey: string;
  size: number;
  after: string;
  kind: ClientKind;
  isKeeping: boolean;
  jitter: Jitter | null;
};

const program = fileURLToPath(new URL('./client-crowd-process.ts', import.meta.url));
const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export function createClientCrowd(
  settings: Pick<CrowdSettings, 'relayUrls' | 'apiKey' | 'size'> & Partial<CrowdSettings>,
): ClientCrowd {
  const whole: CrowdSettings = { after: 'start', kind: 'wire', isKeeping: false, jitter: null, ...settings };
  const child = fork(program, [JSON.stringify(whole)], {
    env: inheritedEnvironment(),
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  alive.add(child);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let questions = 0;
  let isGone = false;
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => {
      isGone = true;
      alive.delete(child);
      for (const { reject } of waiting.values()) reject(new Error('the process of the clients is gone'));
      resolve();
    });
  });
  child.on('message', ({ question, answer }: { question: number; answer: unknown }) => {
    waiting.get(question)?.resolve(answer);
    waiting.delete(question);
  });
  const ask = async (what: object): Promise<unknown> => {
    if (isGone) throw new Error('the process of the clients is gone');
    questions += 1;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(questions, answer);
    child.send({ question: questions, ...what });
    return answer.promise;
  };
  return {
    kind: whole.kind,
    size: whole.size,
    cut: index => void (isGone || child.send({ cut: index })),
    accounts: () => ask({}) as Promise<ClientAccount[]>,
    connections: () => ask({ connections: true }) as Promise<Uint16Array>,
    items: index => ask({ items: index }) as Promise<Uint32Array>,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Of two kinds of addresses both are taken. */
const LEAST_OF_LIBRARY = 2;

/**
 * Four in five know the wire alone, the others are the library; all keep account of what they got. The library makes
 * objects of everything: a process of fifty that are a minute behind would need a processor of its own to catch up.
 */
export function createBothCrowds(settings: Pick<CrowdSettings, 'relayUrls' | 'apiKey' | 'size'>): ClientCrowd[] {
  const library = Math.max(LEAST_OF_LIBRARY, Math.round(settings.size / 5));
  const keeping = { ...settings, isKeeping: true };
  return [
    createClientCrowd({ ...keeping, size: settings.size - library }),
    createClientCrowd({ ...keeping, size: library, kind: 'library' }),
  ];
}
