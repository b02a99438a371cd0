import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { toCallAudit } from '@3cx-relay/shared/jobs/call-audit.ts';
import type { CallCommand, CallCommandResult } from '@3cx-relay/shared/jobs/call-command.ts';
import { auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, type Registry } from 'prom-client';
import type { OAuthToken } from '../pbx/oauth-token.ts';
import type { CommandMarks, Mark } from './command-marks.ts';
import { toPbxAction, toResult } from './pbx-action.ts';
import type { PbxPost } from './pbx-post.ts';

/**
 * Executes call-control commands, each at most once.
 *
 * The order is what makes it so: the mark is read before the clock is looked at, because of a command that was begun it
 * would be wrong to say that it expired; the token is had before the mark is set, because minting may take seconds; the
 * clock is looked at last, so that nothing slow stands between it and the POST. A run that finds a mark without a result
 * answers `unknown` and does nothing.
 */
export interface CallCommands {
  execute(command: CallCommand): Promise<CallCommandResult>;
}

export interface CallCommandsDeps {
  readonly marks: CommandMarks;
  readonly token: OAuthToken;
  readonly pbx: PbxPost;
  readonly write: (channel: Channel, entry: NewEntry) => void;
  readonly errors?: ErrorSink;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly now?: () => number;
}

const INVALID = 'invalid_command';
const LOST: CallCommandResult = {
  outcome: 'unknown',
  message: 'ingest was interrupted while it executed the command: it may have been executed, look at the active calls',
};

export function createCallCommands(deps: CallCommandsDeps): CallCommands {
  const now = deps.now ?? Date.now;
  const outcomes = new Counter({
    name: 'relay_call_commands_total',
    help: 'Call-control commands by what came of them',
    labelNames: ['action', 'outcome'],
    registers: [deps.registry],
  });

  const settle = (command: CallCommand, result: CallCommandResult): CallCommandResult => {
    const { outcome, ...details } = result;
    deps.write('audit', auditEntry(now(), toCallAudit(command, { outcome, details })));
    outcomes.inc({ action: command.action, outcome: result.outcome });
    tellFailure(deps.errors, command, result);
    return result;
  };

  /** Without it a second run says `unknown`, which is less than we know and not wrong. */
  const keep = async (commandId: string, result: CallCommandResult): Promise<CallCommandResult> => {
    await deps.marks.finish(commandId, result).catch((error: unknown) => {
      deps.logger.warn({ err: error, commandId }, 'the result of a command could not be kept');
    });
    return result;
  };

  return {
    async execute(command) {
      const { commandId, expiresAt } = command;
      const earlier = fromMark(await deps.marks.read(commandId));
      if (earlier?.isNews) return settle(command, await keep(commandId, earlier.result));
      if (earlier) return earlier.result;
      if (now() >= expiresAt) return settle(command, { outcome: 'expired' });
      let bearer: string;
      try {
        bearer = await deps.token.ensureValidToken();
      } catch (error) {
        return settle(command, failure(error));
      }
      if (now() >= expiresAt) return settle(command, { outcome: 'expired' });
      const other = fromMark(await deps.marks.start(commandId));
      if (other) return other.result;
      return settle(command, await keep(commandId, await put(deps, command, bearer)));
    },
  };
}

/** What the PBX refuses is between it and the caller, and in the audit. */
function tellFailure(errors: ErrorSink | undefined, { action, dn, commandId }: CallCommand, result: CallCommandResult) {
  const details = { action, dn, commandId };
  if (result.outcome === 'unknown') {
    const message = `whether the PBX executed a command (${action}) is not known: ${result.message}`;
    errors?.logError('callcontrol', 'error', message, details);
  } else if (result.outcome === 'failed' && result.code !== INVALID) {
    const message = `the PBX did not get a command (${action}): ${result.message}`;
    errors?.logError('callcontrol', 'error', message, { ...details, code: result.code });
  }
}

/** Null when nobody began the command before. What was finished was told then. */
function fromMark(mark: Mark): { result: CallCommandResult; isNews: boolean } | null {
  switch (mark.kind) {
    case 'none':
      return null;
    case 'started':
      return { result: LOST, isNews: true };
    case 'finished':
      return { result: mark.result, isNews: false };
  }
}

async function put({ pbx, token }: CallCommandsDeps, command: CallCommand, bearer: string): Promise<CallCommandResult> {
  const action = toPbxAction(command);
  if (!action) return { outcome: 'failed', code: INVALID, message: `${command.action} needs a participant` };
  const { path, body } = action;
  let posted = await pbx.post(path, { authorization: `Bearer ${bearer}`, body });
  // The PBX looks at the token before anything else, so that a 401 is the one refusal after which trying again is safe.
  if (posted.kind === 'answered' && posted.status === 401) {
    token.invalidate(bearer);
    try {
      posted = await pbx.post(path, { authorization: `Bearer ${await token.ensureValidToken()}`, body });
    } catch (error) {
      return failure(error);
    }
  }
  switch (posted.kind) {
    case 'not_sent':
      return { outcome: 'failed', code: 'pbx_unreachable', message: `the PBX cannot be reached: ${posted.message}` };
    case 'no_answer':
      return { outcome: 'unknown', message: `the PBX did not answer the command: ${posted.message}` };
    case 'answered':
      if (posted.status !== 401) return toResult(posted);
      return { outcome: 'failed', code: 'pbx_credentials_refused', message: 'the PBX refuses a fresh token (401)' };
  }
}

function failure(error: unknown): CallCommandResult {
  const code = error instanceof OperatorError ? error.code.toLowerCase() : 'pbx_unreachable';
  return { outcome: 'failed', code, message: messageOf(error) };
}
