import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { OAuthToken } from '../oauth-token.ts';
import type { PbxHttp, TextAnswer } from '../pbx-http.ts';
import { type Participant, parseParticipant } from './participant.ts';

/** What a GET of one participant came to. Expected outcomes are values: the log goes on after each of them. */
export type EntityOutcome =
  | { readonly kind: 'found'; readonly participant: Participant }
  /** 404: it left before we asked. */
  | { readonly kind: 'gone' }
  /** 403: this API client may not see it. */
  | { readonly kind: 'refused' }
  /** The signal aborted the wait. */
  | { readonly kind: 'deadline' }
  | { readonly kind: 'failed'; readonly message: string };

/** All participants that the PBX shows us, and the DNs it shows us at all. */
export interface CallControlSnapshot {
  readonly dns: readonly string[];
  /**
   * Those of the DNs whose type says so. The API client is one of the DNs, too, as a route point of its own (3cx.md §1.1).
   * Absent: nobody looked at types.
   */
  readonly extensions?: readonly string[];
  readonly participants: readonly Participant[];
}

export interface CallControlApi {
  /** @throws OperatorError with what the operator can do about it. */
  getSnapshot(signal?: AbortSignal): Promise<CallControlSnapshot>;
  getParticipant(entity: { dn: string; id: number }, signal: AbortSignal): Promise<EntityOutcome>;
}

const EXTENSION = 'Wextension';
const MAX_ENTITY_BYTES = 256 * 1024;
const MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024;
const SNAPSHOT_TIMEOUT_MS = 30_000;

export function createCallControlApi(deps: { pbx: PbxHttp; token: OAuthToken }): CallControlApi {
  const { pbx, token } = deps;

  /**
   * 401 means the token died early, by expiry or by a newer one: one re-mint, one retry. When another program has killed
   * that one, too, the next question shall not go out with it.
   */
  const withToken = async (ask: (authorization: string) => Promise<TextAnswer>): Promise<TextAnswer> => {
    const bearer = await token.ensureValidToken();
    const answer = await ask(`Bearer ${bearer}`);
    if (answer.status !== 401) return answer;
    token.invalidate(bearer);
    const fresh = await token.ensureValidToken();
    const again = await ask(`Bearer ${fresh}`);
    if (again.status === 401) token.invalidate(fresh);
    return again;
  };

  return {
    async getSnapshot(signal) {
      const until = signal ?? AbortSignal.timeout(SNAPSHOT_TIMEOUT_MS);
      let response: TextAnswer;
      try {
        const answer = withToken(authorization =>
          pbx.http.get<string>('/callcontrol', {
            headers: { authorization },
            maxContentLength: MAX_SNAPSHOT_BYTES,
            signal: until,
          }),
        );
        response = await orAborted(answer, until);
      } catch (error) {
        if (error instanceof OperatorError) throw error;
        if (until.aborted) {
          throw new OperatorError(
            'PBX_TIMEOUT',
            'the PBX did not answer GET /callcontrol in time: it may be overloaded, or INGEST_SNAPSHOT_DEADLINE_MS is too short for its number of extensions',
          );
        }
        throw new OperatorError('PBX_UNREACHABLE', `the PBX did not answer GET /callcontrol: ${reasonOf(error)}`);
      }
      if (response.status !== 200) throw refusal(response.status);
      return readSnapshotBody(response.data);
    },

    async getParticipant({ dn, id }, signal) {
      try {
        const path = `/callcontrol/${encodeURIComponent(dn)}/participants/${id}`;
        const response = await withToken(authorization =>
          pbx.get(path, { authorization, maxBytes: MAX_ENTITY_BYTES, signal }),
        );
        return toOutcome(response, dn);
      } catch (error) {
        return signal.aborted ? { kind: 'deadline' } : { kind: 'failed', message: reasonOf(error) };
      }
    },
  };
}

/** A token is minted for all who wait for it: who gives up leaves it to the others. */
async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function toOutcome(response: TextAnswer, dn: string): EntityOutcome {
  switch (response.status) {
    case 200: {
      const participant = parseParticipant(parseJson(response.data), { dn });
      return participant ? { kind: 'found', participant } : { kind: 'failed', message: 'the answer is no participant' };
    }
    case 404:
      return { kind: 'gone' };
    case 403:
      return { kind: 'refused' };
    default:
      return { kind: 'failed', message: `status ${response.status}` };
  }
}

function readSnapshotBody(text: string): CallControlSnapshot {
  const list = parseJson(text);
  if (!Array.isArray(list)) {
    throw new OperatorError('PBX_ANSWER_UNREADABLE', 'GET /callcontrol did not answer with a list of DNs');
  }
  const dns: string[] = [];
  const extensions: string[] = [];
  const participants: Participant[] = [];
  for (const item of list as unknown[]) {
    if (typeof item !== 'object' || item === null) continue;
    const { dn, type, participants: legs } = item as { dn?: unknown; type?: unknown; participants?: unknown };
    if (typeof dn !== 'string') continue;
    dns.push(dn);
    if (type === EXTENSION) extensions.push(dn);
    for (const leg of Array.isArray(legs) ? (legs as unknown[]) : []) {
      const participant = parseParticipant(leg, { dn });
      if (participant) participants.push(participant);
    }
  }
  return { dns, extensions, participants };
}

/** 3cx.md C12: these three mean a wrong set-up rather than a passing fault, and not the same one. */
function refusal(status: number): OperatorError {
  switch (status) {
    case 401:
      return new OperatorError(
        'PBX_CREDENTIALS_REFUSED',
        'the PBX refuses a fresh token on GET /callcontrol (401): another program may sign in with the same CLIENT_ID, give the relay an API client of its own',
      );
    case 403:
      return new OperatorError(
        'PBX_RIGHTS_MISSING',
        'the PBX forbids call control (403): it needs an Enterprise licence, the tick "3CX Call Control API Access" and a list of extensions on the API client',
      );
    case 404:
      return new OperatorError(
        'PBX_RIGHTS_MISSING',
        'the PBX has no /callcontrol (404): it needs 3CX V20 with an Enterprise licence',
      );
    default:
      return new OperatorError('PBX_UNREACHABLE', `the PBX answered ${status} to GET /callcontrol`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The message alone: an axios error carries the request with its Authorization header. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
