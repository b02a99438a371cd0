import type { CallCommand, CallCommandResult } from '@3cx-relay/shared/jobs/call-command.ts';

/** How call control spells a command, and what its answer means (3cx.md §1.4). Pure. */
export interface PbxAction {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Null when the command names no participant and its action needs one. */
export function toPbxAction(command: CallCommand): PbxAction | null {
  const { destination, reason, timeoutSeconds, attachedData } = command;
  // A body of its own is required even where nothing is in it: the PBX refuses a POST without one.
  const body = {
    ...(destination === undefined ? {} : { destination }),
    ...(reason === undefined ? {} : { reason }),
    ...(timeoutSeconds === undefined ? {} : { timeout: timeoutSeconds }),
    ...(attachedData === undefined ? {} : { attacheddata: attachedData }),
  };
  const path = pathOf(command);
  return path === null ? null : { path, body };
}

function pathOf({ action, dn, deviceId, participantId }: CallCommand): string | null {
  const owner = `/callcontrol/${encodeURIComponent(dn)}`;
  if (action !== 'makecall')
    return participantId === undefined ? null : `${owner}/participants/${participantId}/${action}`;
  return deviceId === undefined ? `${owner}/makecall` : `${owner}/devices/${encodeURIComponent(deviceId)}/makecall`;
}

const MAX_REASON = 500;

/** What an answer other than 401 means; that one says nothing about the command, only about the token. */
export function toResult({ status, text }: { status: number; text: string }): CallCommandResult {
  const said = readAnswer(text);
  if (status >= 200 && status < 300) {
    if (said.final === 'failed' || said.final === 'rejected') return refused('pbx_rejected', status, said.reason);
    return { outcome: 'done', participant: said.participant, finalstatus: said.final };
  }
  switch (status) {
    case 403:
      return refused('pbx_forbidden', status, said.reason);
    case 404:
      return refused('pbx_gone', status, said.reason);
    case 422:
    case 424:
      return refused('pbx_not_possible', status, said.reason);
    // The web server in front of the PBX found nobody behind it.
    case 502:
    case 503:
      return { outcome: 'failed', code: 'pbx_unreachable', message: `the PBX answered ${status}` };
    default:
      if (status < 500) return refused('pbx_rejected', status, said.reason);
      return { outcome: 'unknown', message: `the PBX answered ${status}` };
  }
}

function refused(
  code: 'pbx_forbidden' | 'pbx_gone' | 'pbx_not_possible' | 'pbx_rejected',
  status: number,
  reason: string,
) {
  return { outcome: 'refused', code, status, reason } as const;
}

interface Answer {
  readonly final: 'success' | 'rejected' | 'failed' | null;
  readonly reason: string;
  readonly participant: Record<string, unknown> | null;
}

function readAnswer(text: string): Answer {
  const fields = parseObject(text);
  const result = fields.result;
  return {
    final: finalStatusOf(fields.finalstatus),
    reason: (textOf(fields.reasontext) || textOf(fields.error_description) || textOf(fields.reason)).slice(
      0,
      MAX_REASON,
    ),
    participant: isObject(result) ? result : null,
  };
}

/** Strings are what clients have seen, numbers what the official types say: Failed −1, Rejected 0, Success 1. */
function finalStatusOf(value: unknown): Answer['final'] {
  switch (typeof value === 'string' ? value.trim().toLowerCase() : value) {
    case 1:
    case '1':
    case 'success':
      return 'success';
    case 0:
    case '0':
    case 'rejected':
      return 'rejected';
    case -1:
    case '-1':
    case 'failed':
    case 'failure':
      return 'failed';
    default:
      return null;
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
