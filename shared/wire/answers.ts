import { z } from 'zod';
import { call } from './call.ts';
import { callEventName } from './call-event.ts';
import { position, time } from './message-fields.ts';
import { logMessage } from './messages.ts';
import { COMPONENT_STATE_NAMES } from './operation-messages.ts';

/** What the routes of the public API answer. */
export const eventsPage = z
  .looseObject({
    events: z.array(logMessage).describe('The same messages as on the socket, gaps included.'),
    next: position
      .nullable()
      .describe('Where the following page begins: its `after`, or with `order=desc` its `before`.'),
    head: position.nullable().describe('Of the newest entry.'),
    more: z.boolean().describe('Whether there may be more in this direction now.'),
  })
  .meta({ id: 'EventsPage', description: 'A page of the log. `next` and `head` are null while nothing was written.' });

export type EventsPage = z.infer<typeof eventsPage>;

const snapshotFields = {
  position: position.nullable().describe('Continue with `after=<position>`: nothing is missed or doubled.'),
  asOf: time,
};

export const activeCallsOfProjection = z
  .looseObject({ ...snapshotFields, source: z.literal('projection'), calls: z.array(call) })
  .meta({ id: 'ActiveCalls', description: 'The calls that the relay knows, at `position`.' });

const xapiCall = z
  .looseObject({
    id: z.int(),
    caller: z.string().nullable().describe('As the PBX displays it, for example `101 Ada Lovelace`.'),
    callee: z.string().nullable(),
    status: z
      .string()
      .nullable()
      .describe('`Initiating`, `Routing`, `Dialing`, `Ringing`, `Connected`, `Talking` or `Transferring`.'),
    lastChangeAt: time.nullable(),
    establishedAt: time.nullable(),
    serverNow: time.nullable().describe('The clock of the PBX: compare the other times with this one only.'),
  })
  .meta({ id: 'XapiCall', description: "A row of XAPI's ActiveCalls." });

export const activeCallsOfXapi = z
  .looseObject({
    ...snapshotFields,
    source: z.literal('xapi'),
    calls: z.array(xapiCall),
  })
  .meta({
    id: 'ActiveCallsOfXapi',
    description: 'The calls that the PBX lists when asked; `position` is from before the question.',
  });

export const activeCalls = z.discriminatedUnion('source', [activeCallsOfProjection, activeCallsOfXapi]);

export const commandAccepted = z
  .looseObject({
    commandId: z.string(),
    outcome: z.literal('done'),
    participant: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe("The PBX's own object for the leg; null when it sent none."),
    expect: z
      .looseObject({
        channel: z.literal('calls'),
        event: callEventName,
        dn: z.string(),
        call: z.string().optional().describe('Its `callId`, where the call is known already.'),
      })
      .describe('The event that shows the effect.'),
    position: position.describe('Read on behind it and the expected event comes; `start` while nothing was written.'),
  })
  .meta({ id: 'CommandAccepted', description: 'The PBX carries it out.' });

export const ticketIssued = z
  .looseObject({
    ticket: z.string(),
    expiresAt: time,
    expiresInMs: z.int().positive(),
  })
  .meta({ id: 'TicketIssued', description: 'Lets one connection in, once, as the key that asked for it.' });

const componentHealth = z
  .looseObject({
    state: z.enum(COMPONENT_STATE_NAMES),
    latencyMs: z.number().optional(),
    error: z.string().nullable().optional(),
    since: time.optional().describe('When the state began.'),
    checkedAt: time.optional(),
    silentForMs: z.int().optional().describe('Of `log`: since it last answered.'),
    beatAgeMs: z.int().optional().describe('Of `log`: since an entry of `health` last came through it.'),
    at: time.optional().describe('Of `pbx`: when ingest said this; so are the following.'),
    socketSince: time.nullable().optional().describe('Since when the connection of call control stands.'),
    lastFrameAt: time.nullable().optional().describe('When the PBX last sent an event.'),
    spoolBytes: z.int().optional().describe('What waits on disk for the log to come back.'),
    extensions: z
      .looseObject({
        monitored: z.int().nonnegative().nullable().describe('Those that the PBX shows to our API client.'),
        total: z.int().nonnegative().nullable().describe('Those that the PBX has.'),
      })
      .optional()
      .describe('Of `pbx`: an extension that is not watched is missing in every event. Null: not known.'),
    isLicenceActive: z.boolean().nullable().optional().describe('Of `pbx`: as XAPI says it; null while it has not.'),
    checksDrivenBy: z
      .enum(['schedule', 'ingest'])
      .optional()
      .describe('`ingest`: the schedule of the worker is silent.'),
    pid: z.int().optional(),
    lag: z
      .record(
        z.string(),
        z.looseObject({
          entries: z.int().nonnegative().describe('Entries that PostgreSQL does not have yet.'),
          seconds: z.number().nonnegative().describe('Age of the oldest of them; 0 when there is none.'),
        }),
      )
      .optional()
      .describe('Of `persist`: how far PostgreSQL is behind each channel of the log.'),
    host: z.string().optional().describe('Of `ingest`: the machine of the one that writes the log.'),
    standby: z.string().optional().describe('Of `ingest`: the machine of one that waits to take over.'),
  })
  .meta({ id: 'ComponentHealth', description: 'How a part is; without a key its state alone.' });

export const healthReport = z
  .looseObject({
    status: z
      .enum(['ok', 'degraded', 'down'])
      .describe('`degraded`: history is served, but something is missing. `down`: no event reaches a client.'),
    version: z.string(),
    components: z
      .record(z.string(), componentHealth)
      .describe(
        '`redis`, `log`, `postgres`, `persist` (the copying from the one to the other), `ingest`, `pbx`, the connections of the PBX that were looked at, and `event_loop`, how late ingest is, of which `status` says nothing.',
      ),
    clients: z.int().nonnegative().describe('Sockets that are open at this relay.'),
  })
  .meta({ id: 'HealthReport', description: 'Whether the relay works.' });
