import { z } from 'zod';
import { CHANNELS } from './channels.ts';
import { entryFields, time } from './message-fields.ts';

/** Entries of the channels that tell how the system itself is: `health`, `errors`, `audit`, `requests`. */
export const COMPONENT_NAMES = ['database', 'xapi', 'websocket', 'redis', 'postgres', 'event_loop'] as const;
export const COMPONENT_STATE_NAMES = ['up', 'degraded', 'down', 'absent'] as const;

const componentState = z.enum(COMPONENT_STATE_NAMES).meta({
  id: 'ComponentState',
  description: '`degraded`: slow, or up and not doing its work. `absent`: not configured; no alarm.',
});

const healthFields = {
  component: z.enum(COMPONENT_NAMES).describe('`database`, `xapi` and `websocket` are those of the PBX.'),
  state: componentState,
  latencyMs: z.number().nullable().describe('Of `event_loop` the 99th percentile of its delay.'),
  error: z.string().nullable(),
  since: time.describe('When the state began.'),
};

export const healthSampleMessage = z
  .looseObject({
    type: z.literal('health'),
    ...entryFields,
    event: z.literal('health.sample'),
    data: z.looseObject(healthFields),
  })
  .meta({ id: 'HealthSample', title: 'health.sample', description: 'How a component is, about every five seconds.' });

export const healthChangeMessage = z
  .looseObject({
    type: z.literal('health'),
    ...entryFields,
    event: z.literal('health.state_change'),
    data: z.looseObject({ ...healthFields, previous: componentState }),
  })
  .meta({
    id: 'HealthChange',
    title: 'health.state_change',
    description: 'A component changed its state; behind the sample that showed it.',
  });

export const healthMessage = z
  .discriminatedUnion('event', [healthSampleMessage, healthChangeMessage])
  .meta({ id: 'Health', title: 'health', description: 'An entry of the channel `health`.' });

export type HealthMessage = z.infer<typeof healthMessage>;

export const errorOccurredMessage = z
  .looseObject({
    type: z.literal('error_event'),
    ...entryFields,
    event: z.enum(['error.critical', 'error.error', 'error.warning', 'error.info']),
    data: z.looseObject({
      component: z.string(),
      severity: z.enum(['critical', 'error', 'warning', 'info']),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).describe('Bounded, without secrets.'),
      fingerprint: z.string().describe('Equal for the same error: component and message without what varies.'),
      service: z.string().nullable(),
      suppressed: z
        .int()
        .positive()
        .optional()
        .describe('So many more of it were counted, not written, since the entry before.'),
    }),
  })
  .meta({ id: 'ErrorOccurred', title: 'error.*', description: 'Something that an operator must see.' });

export const errorAcknowledgedMessage = z
  .looseObject({
    type: z.literal('error_event'),
    ...entryFields,
    event: z.literal('error.acknowledged'),
    data: z.looseObject({
      by: z.string(),
      errors: z.array(
        z.looseObject({ id: z.string().describe('Position of an occurrence.'), fingerprint: z.string() }),
      ),
    }),
  })
  .meta({
    id: 'ErrorAcknowledged',
    title: 'error.acknowledged',
    description: 'Somebody has taken note of errors. What occurs later with the same fingerprint opens a new group.',
  });

export const errorEventMessage = z
  .discriminatedUnion('event', [errorOccurredMessage, errorAcknowledgedMessage])
  .meta({ id: 'ErrorEvent', title: 'error_event', description: 'An entry of the channel `errors`.' });

export type ErrorEventMessage = z.infer<typeof errorEventMessage>;

export const auditMessage = z
  .looseObject({
    type: z.literal('audit'),
    ...entryFields,
    data: z.looseObject({
      action: z.string().meta({ description: 'What was done or tried.', examples: ['call.make', 'call.transfer'] }),
      actor: z.looseObject({
        kind: z.string().meta({
          description: '`api_key`, `admin` (signed in to the panel), `system` or `anonymous`.',
          examples: ['api_key'],
        }),
        id: z.string(),
        name: z.string(),
      }),
      address: z.string().nullable().describe('IP address the request came from; null when there was none.'),
      target: z.string().nullable().describe('`101`, `101:8107`, or a component.'),
      outcome: z
        .string()
        .describe('`done`, `refused`, `failed`, `expired`, `unknown`, `not_executed`, or another word why not.'),
      details: z.record(z.string(), z.unknown()).describe('Telephone numbers may occur, secrets never.'),
    }),
  })
  .meta({ id: 'Audit', title: 'audit', description: 'An entry of the channel `audit`: a sensitive operation.' });

export type AuditMessage = z.infer<typeof auditMessage>;

export const requestMessage = z
  .looseObject({
    type: z.literal('request'),
    ...entryFields,
    event: z
      .enum(['http.request', 'sse.end', 'ws.upgrade', 'ws.refuse', 'ws.end'])
      .describe('Each but `ws.refuse` and `ws.end`, further entries of a WebSocket, is one request.'),
    data: z.looseObject({
      endpoint: z.string().describe('The template of the route, never path or query; `unmatched` where there is none.'),
      method: z.string(),
      status: z.int().describe('499: the client left before it had an answer.'),
      durationMs: z.number().describe('Of `sse.end` and `ws.end`, how long it was open.'),
      keyId: z.int().nullable().describe('Null without a valid key.'),
      client: z
        .string()
        .nullable()
        .describe('The name of the key; `panel:` and the name of who is signed in to the panel.'),
      address: z.string().nullable(),
      transport: z.enum(['http', 'sse', 'ws']),
      bytes: z.int().optional().describe('Sent to the client.'),
      closeCode: z.int().optional().describe('Of a WebSocket.'),
      channel: z.enum(CHANNELS).optional().describe('Of `ws.refuse`: the one that was refused.'),
      suppressed: z
        .int()
        .optional()
        .describe('So many more without a valid key were counted, not written, before this one.'),
    }),
  })
  .meta({
    id: 'Request',
    title: 'request',
    description: 'An entry of the channel `requests`: somebody asked the API.',
  });

export type RequestMessage = z.infer<typeof requestMessage>;
