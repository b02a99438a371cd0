import { randomBytes } from 'node:crypto';
import type { Asked } from '@3cx-relay/shared/jobs/ask.ts';
import { toAttemptAudit, toCallAudit } from '@3cx-relay/shared/jobs/call-audit.ts';
import type { Actor, CallAction, CallCommand, CallCommandResult } from '@3cx-relay/shared/jobs/call-command.ts';
import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { refuseDn } from '../../keys/dn-scope.ts';
import { ProblemError } from '../problem-error.ts';
import { type CommandAnswer, type CommandContext, toCommandAnswer, type Verdict } from './command-answer.ts';
import { type CommandMemory, createCommandMemory, digestOf, type Pending, type Remembered } from './command-memory.ts';
import { expectationOf, findTarget } from './command-target.ts';

/**
 * Takes commands from clients to ingest and brings back what came of them.
 *
 * Ingest executes a command id once. So all that an idempotency key has to do is lead to the same id: a repetition waits
 * for the same run, or learns later what an answer that came too late would have said.
 */
export interface CommandDesk {
  /** @throws ProblemError when the command is not sent. */
  submit(request: CommandRequest): Promise<CommandAnswer>;
}

export interface CommandRequest {
  readonly action: CallAction;
  /** The DN that makes a call, or the name of a participant. */
  readonly subject: string;
  readonly body: Readonly<Pick<CallCommand, 'destination' | 'deviceId' | 'reason' | 'attachedData' | 'timeoutSeconds'>>;
  readonly actor: Actor;
  /** The extensions that the actor may command for; null: all. */
  readonly dns: readonly string[] | null;
  readonly address: string | null;
  readonly idempotencyKey: string | undefined;
}

export interface CommandDeskDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly queue: Pick<JobQueue<'pbx'>, 'run'>;
  readonly audit: AuditLog;
}

export interface CommandDeskLimits {
  readonly maxCommands: number;
  /** After which a command is not executed any more and its caller is told so. */
  readonly timeoutMs: number;
  /** That are kept for one holder of an API key. */
  readonly maxIdempotencyKeys: number;
}

/** An answer that ingest gives in the last moment is on its way. */
const LAST_WORD_MS = 500;

export function createCommandDesk(deps: CommandDeskDeps, limits: CommandDeskLimits): CommandDesk {
  let inFlight = 0;

  const prepare = async (request: CommandRequest): Promise<CommandContext> => {
    const snapshot = await readSnapshot(deps.redis, deps.keys);
    const { action, subject, actor, address, idempotencyKey, body } = request;
    const target = action === 'makecall' ? subject : findTarget(subject, snapshot);
    const gone = () =>
      new ProblemError('pbx_gone', `no participant ${subject} is in a call: look at /relay/active-calls`);
    if (target === null) throw gone();
    const dn = typeof target === 'string' ? target : target.dn;
    // Whoever named no extension must not learn from the refusal whose participant it is, or that there is one.
    requireDn(request, dn, action === 'makecall' || subject.includes(':') ? undefined : gone());
    const command: CallCommand = {
      commandId: `cmd_${randomBytes(12).toString('hex')}`,
      action,
      ...(typeof target === 'string' ? { dn: target } : target),
      ...body,
      actor,
      address,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      expiresAt: Date.now() + limits.timeoutMs,
    };
    return { command, position: snapshot.position ?? 'start', expect: expectationOf(action, target, snapshot) };
  };

  const send = async (context: CommandContext) => {
    const { command } = context;
    const asked = await deps.queue.run('call-command', command, {
      jobId: command.commandId,
      timeoutMs: limits.timeoutMs + LAST_WORD_MS,
    });
    auditUnsent(deps.audit, command, asked);
    return toCommandAnswer(asked, context);
  };

  const submitRemembered = async (memory: CommandMemory, request: CommandRequest): Promise<CommandAnswer> => {
    const fingerprint = digestOf(JSON.stringify([request.action, request.subject, request.body]));
    let remembered: Remembered | null = await memory.find();
    if (!remembered) {
      const mine: Pending = { fingerprint, context: await prepare(request) };
      remembered = (await memory.claim(mine)) ?? mine;
    }
    if (remembered.fingerprint !== fingerprint) {
      throw new ProblemError(
        'idempotency_conflict',
        'this Idempotency-Key was used for another request: use a new one',
      );
    }
    // The key may have been narrowed since.
    requireDn(request, 'answer' in remembered ? remembered.dn : remembered.context.command.dn);
    if ('answer' in remembered) return remembered.answer;
    const { answer, verdict } = await send(remembered.context);
    // Where it fails, a repetition asks for the same command again and comes to the same answer.
    await bookOf(memory, verdict)(remembered, answer).catch(() => undefined);
    return answer;
  };

  const submitCounted = async (request: CommandRequest): Promise<CommandAnswer> => {
    const { idempotencyKey, actor } = request;
    if (idempotencyKey === undefined) return (await send(await prepare(request))).answer;
    const owner = `${actor.kind}-${actor.id}`;
    const memory = createCommandMemory(deps, { owner, idempotencyKey, maxKeys: limits.maxIdempotencyKeys });
    return submitRemembered(memory, request);
  };

  return {
    async submit(request) {
      try {
        if (inFlight >= limits.maxCommands) {
          throw new ProblemError('too_many_commands', `${inFlight} commands wait for the PBX: try again in a second`);
        }
        inFlight += 1;
        try {
          return await submitCounted(request);
        } finally {
          inFlight -= 1;
        }
      } catch (error) {
        // Whatever is thrown here kept the command from being sent; on record is why, also where its caller is not told.
        const why = error instanceof ProblemError && error.cause instanceof ProblemError ? error.cause : error;
        const code = why instanceof ProblemError ? why.problem.code : 'unavailable';
        deps.audit.write(toAttemptAudit({ ...request, code, message: messageOf(why) }));
        throw error;
      }
    },
  };
}

/** What the verdict makes of the memory. */
function bookOf(memory: CommandMemory, verdict: Verdict): CommandMemory['settle'] {
  switch (verdict) {
    case 'final':
      return memory.settle;
    case 'open':
      return memory.lighten;
    case 'void':
      return memory.forget;
  }
}

/** `told`: in the place of the refusal. */
function requireDn({ dns }: CommandRequest, dn: string, told?: ProblemError): void {
  const refused = refuseDn(dns, dn);
  if (!refused) return;
  const why = ProblemError.of(refused);
  throw told ? Object.assign(told, { cause: why }) : why;
}

/**
 * What ingest was asked to do it puts on record itself; what never got there would be missing, and so would a command
 * whose run broke before it came to anything.
 */
function auditUnsent(audit: AuditLog, command: CallCommand, asked: Asked<CallCommandResult>): void {
  if (asked.kind === 'answered') return;
  if (asked.kind === 'timeout' && asked.isTaken) return;
  const outcome = asked.kind === 'unavailable' ? 'not_executed' : 'unknown';
  audit.write(toCallAudit(command, { outcome, details: { message: asked.message } }));
}
