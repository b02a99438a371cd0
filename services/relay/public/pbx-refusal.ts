import type { Asked } from '@3cx-relay/shared/jobs/ask.ts';
import type { ProblemCode } from '@3cx-relay/shared/wire/problem.ts';
import { ProblemError } from './problem-error.ts';

/** What does not change by asking again has a code of its own; the rest may be tried later. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  PBX_ROLE_TOO_SMALL: 'pbx_forbidden',
  PBX_LICENCE_MISSING: 'pbx_forbidden',
  PBX_XAPI_NOT_ENABLED: 'pbx_forbidden',
  PBX_RIGHTS_MISSING: 'pbx_forbidden',
  PBX_DB_RIGHTS_MISSING: 'pbx_forbidden',
  PBX_DB_CREDENTIALS_REFUSED: 'pbx_forbidden',
  PBX_TABLE_ABSENT: 'not_on_this_pbx',
  PBX_DB_ABSENT: 'not_on_this_pbx',
  PBX_ANSWER_TOO_LARGE: 'pbx_not_possible',
  PBX_TIMEOUT: 'pbx_timeout',
  PBX_DB_TIMEOUT: 'pbx_timeout',
};

/** Errors of the PBX's database name accounts, addresses and files. Whoever runs the relay finds them in its errors. */
const OF_THE_DATABASE = /^PBX_(DB|INI|CDR)_/;
const WITHOUT_ITS_INSIDE: Partial<Record<ProblemCode, string>> = {
  pbx_forbidden: 'the relay may not read this from the database of the PBX: its errors say why',
  not_on_this_pbx: 'the relay knows no database of this PBX: it stands in its settings where there is one',
  pbx_timeout: 'the database of the PBX did not answer in time: try again',
  pbx_unavailable: 'the database of the PBX cannot be read right now: try again, the errors of the relay say why',
};

type Told = { readonly ok: true } | { readonly ok: false; readonly code: string; readonly message: string };

/** What ingest read from the PBX. @throws ProblemError when it read nothing */
export function toldByPbx<Result extends Told>(asked: Asked<Result>): Extract<Result, { ok: true }> {
  if (asked.kind !== 'answered') {
    throw new ProblemError(asked.kind === 'timeout' ? 'pbx_timeout' : 'pbx_unavailable', asked.message);
  }
  const { result } = asked;
  if (!result.ok) {
    const code = CODES[result.code] ?? 'pbx_unavailable';
    const inside = OF_THE_DATABASE.test(result.code) ? WITHOUT_ITS_INSIDE[code] : undefined;
    throw new ProblemError(code, inside ?? result.message);
  }
  return result as Extract<Result, { ok: true }>;
}
