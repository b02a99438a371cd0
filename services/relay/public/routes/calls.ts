import { toAttemptAudit } from '@3cx-relay/shared/jobs/call-audit.ts';
import type { CallAction } from '@3cx-relay/shared/jobs/call-command.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import type { Middleware } from 'koa';
import type { z } from 'zod';
import { actorOf } from '../../keys/validation.ts';
import { clientAddress } from '../client-address.ts';
import type { CommandAnswer } from '../commands/command-answer.ts';
import {
  ACTION_BODIES,
  callBody,
  idempotencyKey,
  type ParticipantAction,
  participantName,
} from '../commands/command-bodies.ts';
import type { CommandDesk, CommandRequest } from '../commands/command-desk.ts';
import { readJsonBody } from '../json-body.ts';
import { ProblemError } from '../problem-error.ts';
import { keyOf, type RelayState, requirePermission } from '../require-permission.ts';

/** `POST /relay/calls` and `POST /relay/calls/{participant}/{action}`: call control, executed by ingest. */
export function addCalls(router: Router<RelayState>, { desk, audit }: { desk: CommandDesk; audit: AuditLog }): void {
  router.post('/relay/calls', requireWrite('makecall', audit), async context => {
    const { dn, ...body } = await readJsonBody(context.req, callBody);
    await answer(context, desk, { action: 'makecall', subject: dn, body: toCommandBody(body) });
  });
  for (const action of Object.keys(ACTION_BODIES) as ParticipantAction[]) {
    router.post(`/relay/calls/:participant/${action}`, requireWrite(action, audit), async context => {
      const subject = parse('participant', participantName, context.params.participant);
      const body = await readJsonBody(context.req, ACTION_BODIES[action]);
      await answer(context, desk, { action, subject, body: toCommandBody(body) });
    });
  }
}

/** Who has a key that does not allow it, and tries, is on record; what is not even a request is not. */
function requireWrite(action: CallAction, audit: AuditLog): Middleware<RelayState> {
  const require = requirePermission('write');
  return async (context, next) => {
    let isAllowed = false;
    try {
      await require(context, () => {
        // What is refused from here on the desk puts on record itself.
        isAllowed = true;
        return next();
      });
    } catch (error) {
      if (!isAllowed && context.state.key && error instanceof ProblemError && error.problem.status === 403) {
        const subject = /^\/relay\/calls\/([^/]+)\//.exec(context.path)?.[1] ?? null;
        const { code, detail: message } = error.problem;
        const address = clientAddress(context.req);
        audit.write(toAttemptAudit({ action, actor: actorOf(keyOf(context.state)), address, subject, code, message }));
      }
      throw error;
    }
  };
}

async function answer(
  context: RouterContext<RelayState>,
  desk: CommandDesk,
  asked: Pick<CommandRequest, 'action' | 'subject' | 'body'>,
): Promise<void> {
  const header = context.get('idempotency-key');
  const request = {
    ...asked,
    actor: actorOf(keyOf(context.state)),
    dns: keyOf(context.state).dns,
    address: clientAddress(context.req),
    idempotencyKey: header === '' ? undefined : parse('Idempotency-Key', idempotencyKey, header),
  };
  send(context, await desk.submit(request));
}

function send(context: RouterContext<RelayState>, { status, body }: CommandAnswer): void {
  context.status = status;
  context.body = JSON.stringify(body);
  context.type = status < 400 ? 'application/json' : 'application/problem+json';
  context.set('cache-control', 'no-store');
}

function parse<Schema extends z.ZodType<string>>(field: string, schema: Schema, text: string | undefined): string {
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  const message = `${field}: ${result.error.issues[0]?.message ?? 'is not valid'}`;
  throw new ProblemError('invalid_request', message, field);
}

type Absent<T> = { [K in keyof T]: T[K] | undefined };

/** A field that was left out must be absent for those below, not present and undefined. */
function toCommandBody({
  timeout,
  ...rest
}: Partial<Absent<CommandRequest['body']>> & { timeout?: number | undefined }) {
  const body = { ...rest, timeoutSeconds: timeout };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as CommandRequest['body'];
}
