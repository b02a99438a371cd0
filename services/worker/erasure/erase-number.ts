import { randomInt } from 'node:crypto';
import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { eraseCallNumber, eraseNumberPostings } from '@3cx-relay/shared/store/erasure.ts';
import { toNumberKey } from '@3cx-relay/shared/store/number-key.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import type pg from 'pg';
import { type ChainWriter, eraseAuditContents } from './erase-audit-contents.ts';
import { eraseErrorTexts, eraseLetters } from './erase-beside-events.ts';
import { eraseEventsOfNumber, eraseEventsWithDigits } from './erase-events.ts';
import type { Pseudonym } from './pseudonymise.ts';

/**
 * The right to be forgotten: a telephone number and the names beside it give way to an alias in everything that
 * PostgreSQL holds, and then leave Redis. What was counted stays, since nobody is named there; the calls of the number
 * can still be told from others by the alias, which nothing leads back from.
 *
 * Each step can be repeated, and a run that was interrupted is run again. The chain of the audit still proves itself:
 * each entry that gives something up is announced in it (audit-log.ts).
 */
export interface EraseDeps extends ChainWriter {
  readonly pool: pg.Pool;
  /** Removes from Redis what is persisted: the log goes on being read from PostgreSQL. */
  readonly forgetPersisted: () => Promise<void>;
}

export interface Erased {
  readonly alias: string;
  readonly calls: number;
  readonly events: number;
  readonly errors: number;
  readonly auditEntries: number;
}

/** Fewer are an extension, or stand in too much that is about somebody else. */
const MIN_DIGITS = 5;
const ALIAS_LETTERS = 10;

/** @throws OperatorError `NUMBER_INVALID` */
export async function eraseNumber(deps: EraseDeps, number: string): Promise<Erased> {
  const key = toNumberKey(number);
  if (key.length < MIN_DIGITS || /[^\d\s+()./-]/.test(number)) {
    const message = `this is no telephone number of at least ${MIN_DIGITS} digits (it has ${number.length} characters)`;
    throw new OperatorError('NUMBER_INVALID', message);
  }
  const { pool } = deps;
  const pseudonym: Pseudonym = { alias: `erased-${randomLetters()}`, isNumber: text => isSame(text, key) };
  await tell(deps, pseudonym.alias, 'begun', {});
  await deps.persistAll();
  const erasing = { pool, key, pseudonym };
  const events =
    (await eraseEventsOfNumber(erasing)) +
    (await eraseEventsWithDigits(erasing, 'errors')) +
    (await eraseEventsWithDigits(erasing, 'audit'));
  const calls = await inTransaction(pool, async client => {
    await eraseNumberPostings(client, key);
    return eraseCallNumber(client, key, pseudonym.alias);
  });
  const errors = (await eraseErrorTexts(erasing)) + (await eraseLetters(erasing));
  const auditEntries = await eraseAuditContents(erasing, deps);
  await deps.forgetPersisted();
  const erased = { calls, events, errors, auditEntries };
  await tell(deps, pseudonym.alias, 'done', erased);
  await deps.persistAll();
  return { alias: pseudonym.alias, ...erased };
}

/** Neither the number nor anything that it could be guessed from. */
function tell(
  { audit, by }: EraseDeps,
  target: string,
  outcome: 'begun' | 'done',
  details: AuditRecord['details'],
): Promise<void> {
  return audit([{ action: 'history.erase', actor: by, address: null, target, outcome, details }]);
}

function isSame(text: string, key: string): boolean {
  return /^[\d\s+()./-]+$/.test(text) && toNumberKey(text) === key;
}

/** Letters only: digits would be searched for like a number. */
function randomLetters(): string {
  return Array.from({ length: ALIAS_LETTERS }, () => String.fromCharCode(97 + randomInt(26))).join('');
}
