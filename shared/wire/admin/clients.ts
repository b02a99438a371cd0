import { z } from 'zod';
import { CHANNELS } from '../channels.ts';

export const CLIENT_TRANSPORTS = ['ws', 'sse', 'stream'] as const;

const filters = z.object({
  dn: z.array(z.string()).nullable(),
  event: z.array(z.string()).nullable(),
  call: z.array(z.string()).nullable(),
});

export const clientChannel = z.object({
  channel: z.enum(CHANNELS),
  /** Up to where it was sent everything; null while the channel was never written. */
  position: z.string().nullable(),
  /** Entries that exist and were not sent yet, those included that its filters keep back. */
  lagEvents: z.int(),
  /** Age of the oldest of them; of one that is further back than the instance holds in memory, at least so much. */
  lagSeconds: z.number(),
  /** What it asked for; null: nothing is filtered by it. */
  filters,
  /** It reads the log at its own pace, because it came with an old position or is slow. */
  isCatchingUp: z.boolean(),
});

export type ClientChannel = z.infer<typeof clientChannel>;

export const connectedClient = z.object({
  session: z.string(),
  /** The relay instance it is connected to. */
  instance: z.string(),
  transport: z.enum(CLIENT_TRANSPORTS),
  /** Null of somebody who is signed in to the panel. */
  keyId: z.int().nullable(),
  clientName: z.string(),
  user: z.string().nullable(),
  address: z.string().nullable(),
  connectedAt: z.iso.datetime(),
  channels: z.array(clientChannel),
  /** Bytes that wait in its socket. */
  queuedBytes: z.int(),
});

export type ConnectedClient = z.infer<typeof connectedClient>;

/** `incomplete` says in words who is missing; null: nobody is. */
export const clientsAnswer = z.object({ clients: z.array(connectedClient), incomplete: z.string().nullable() });

export type ClientsAnswer = z.infer<typeof clientsAnswer>;
