import type { Asked } from '@3cx-relay/shared/jobs/ask.ts';
import type { CallCommand, CallCommandResult } from '@3cx-relay/shared/jobs/call-command.ts';
import { type ProblemCode, problem } from '@3cx-relay/shared/wire/problem.ts';
import type { Expectation } from './command-target.ts';

/** What the client gets, and what becomes of the memory of its idempotency key. */
export interface CommandAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export type Verdict =
  /** It will not change any more: the same key gets the same answer. */
  | 'final'
  /** Nobody knows; the same key asks for the same command again, and may learn more. */
  | 'open'
  /** Certainly not executed: the same key may try anew. */
  | 'void';

export interface CommandContext {
  readonly command: CallCommand;
  /** The head of the log from before the command. */
  readonly position: string;
  readonly expect: Expectation;
}

type Judged = { readonly answer: CommandAnswer; readonly verdict: Verdict };

export function toCommandAnswer(asked: Asked<CallCommandResult>, context: CommandContext): Judged {
  const refuse = (code: ProblemCode, detail: string, verdict: Verdict): Judged => {
    const body = { ...problem(code, detail), commandId: context.command.commandId };
    return { answer: { status: body.status, body }, verdict };
  };
  const notExecuted = (why: string) =>
    refuse('pbx_unavailable', `the command was not executed: ${why}. It may be sent again`, 'void');
  const unknown = (why: string) =>
    refuse('pbx_timeout', `the command may have been executed: ${why}. Look at the active calls`, 'open');
  switch (asked.kind) {
    case 'unavailable':
      return notExecuted(asked.message);
    case 'timeout':
    case 'failed':
      return unknown(asked.message);
    case 'answered':
      break;
  }
  const { result } = asked;
  switch (result.outcome) {
    case 'done': {
      const { command, expect, position } = context;
      const { outcome, participant } = result;
      return {
        answer: { status: 202, body: { commandId: command.commandId, outcome, participant, expect, position } },
        verdict: 'final',
      };
    }
    case 'refused':
      return refuse(result.code, refusalSentence(result, context.command), 'final');
    case 'failed':
      return notExecuted(result.message);
    case 'expired':
      return notExecuted('it waited too long for ingest');
    case 'unknown':
      return unknown(result.message);
  }
}

function refusalSentence(
  { code, status, reason }: CallCommandResult & { outcome: 'refused' },
  { dn, participantId }: CallCommand,
): string {
  const said = reason === '' ? '' : `. It says: ${reason}`;
  const what = participantId === undefined ? `DN ${dn}` : `participant ${participantId} of DN ${dn}`;
  switch (code) {
    case 'pbx_forbidden':
      return `the PBX, not the relay, forbids this on ${what} (${status}): its API client may act on the extensions listed there only, and not on the far leg of a call${said}`;
    case 'pbx_gone':
      return `the PBX does not know ${what}, or the device named, any more (${status})${said}`;
    case 'pbx_not_possible':
      return `the PBX cannot do this to ${what} in its present state (${status})${said}`;
    case 'pbx_rejected':
      return `the PBX rejected this on ${what} (${status})${said}`;
  }
}
