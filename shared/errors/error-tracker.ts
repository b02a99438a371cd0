import { EventEmitter } from 'node:events';
import type pg from 'pg';
import type { LogEntry, NewEntry } from '../log/entry.ts';
import type { Logger } from '../runtime/logger.ts';
import { messageOf, OperatorError } from '../runtime/operator-error.ts';
import { within } from '../runtime/within.ts';
import { selectErrorsByPosition } from '../store/error-log.ts';
import { MAX_MATCHING } from '../wire/admin/errors.ts';
import { formatPosition, type LogPosition } from '../wire/position.ts';
import { type ErrorDetail, findError } from './error-detail.ts';
import {
  acknowledgementEntry,
  decodeErrorEvent,
  type ErrorAcknowledgement,
  type ErrorEvent,
  type ErrorName,
  type ErrorOccurrence,
} from './error-event.ts';
import { type ErrorGroup, foldErrors } from './error-groups.ts';
import { type ErrorPage, listErrors, STORE_WITHIN_MS } from './error-page.ts';
import type { ErrorFilters, ErrorQuery } from './error-query.ts';
import type { ErrorSink } from './error-sink.ts';
import { inMergedErrors } from './merged-errors.ts';
import { countOpen, type OpenErrors } from './open-errors.ts';
import { RecentEvents } from './recent-events.ts';
import type { RecentLog } from './recent-log.ts';
import type { Severity } from './severity.ts';

/**
 * The errors of every service: what PostgreSQL has, and on top of it what the log has told since, which is at most the
 * newest 1000 entries, in memory. Where PostgreSQL ends is its own position in the log, read in the same snapshot, so
 * that an entry is neither missed nor counted twice, however far the persister is behind.
 *
 * It is fed from channel `errors` and writes to it; nothing changes here that did not pass through the log, so every
 * instance comes to the same state.
 */
export interface ErrorTrackerDeps {
  /** Where `logError` writes. */
  readonly errors: ErrorSink;
  readonly pool: pg.Pool;
  /** Appends one entry to channel `errors` and says where it stands. */
  readonly append: (entry: NewEntry) => Promise<LogPosition>;
  readonly logger: Logger;
  readonly now?: () => number;
}

export interface ErrorTrackerEvents {
  new_error: [ErrorOccurrence];
  acknowledged: [ErrorAcknowledgement];
}

/** One error, several, or all open ones that match. */
export type Acknowledgeable = string | readonly string[] | { readonly matching: ErrorFilters };

export interface Acknowledged {
  /** Ids that are acknowledged now, those included that were before. */
  readonly acknowledged: readonly string[];
  /** Those of them that were open until now. */
  readonly changed: readonly string[];
  /** Ids that name no error. */
  readonly unknown: readonly string[];
  /** Why some that match may still be open, as a sentence; null when none is. */
  readonly incomplete: string | null;
}

interface Resolved extends Pick<Acknowledged, 'unknown' | 'incomplete'> {
  /** Open ones. */
  readonly names: readonly ErrorName[];
  /** Ids of those that were acknowledged before: another entry would change nothing. */
  readonly before: readonly string[];
}

export const MAX_IN_MEMORY = 1_000;
/** Names in one entry of the log. */
const MAX_NAMES = 200;
const MATCHING_PAGE = 500;

export class ErrorTracker extends EventEmitter<ErrorTrackerEvents> implements ErrorSink {
  readonly #deps: ErrorTrackerDeps;
  readonly #recent = new RecentEvents(MAX_IN_MEMORY);

  constructor(deps: ErrorTrackerDeps) {
    super();
    this.#deps = deps;
  }

  logError(component: string, severity: Severity, message: string, details?: unknown): void {
    this.#deps.errors.logError(component, severity, message, details);
  }

  /** Groups, newest first. @throws OperatorError `INVALID_CURSOR` */
  getErrors(query: ErrorQuery = {}): Promise<ErrorPage> {
    return listErrors({ ...this.#deps, recent: this.#recent }, query);
  }

  /** With its newest occurrences. @throws OperatorError `STORE_AWAY` when nobody can say */
  findError(id: string): Promise<ErrorDetail | null> {
    return findError({ ...this.#deps, recent: this.#recent }, id);
  }

  /** Groups that nobody has acknowledged. */
  countOpen(): Promise<OpenErrors> {
    return countOpen({ ...this.#deps, recent: this.#recent });
  }

  /** @throws OperatorError `LOG_AWAY` when it could not be written; those already written stay acknowledged */
  async acknowledgeError(which: Acknowledgeable, by: string): Promise<Acknowledged> {
    const { names, before, unknown, incomplete } = await this.#resolve(which);
    for (let start = 0; start < names.length; start += MAX_NAMES) {
      const chunk = names.slice(start, start + MAX_NAMES);
      await this.#append(acknowledgementEntry((this.#deps.now ?? Date.now)(), by, chunk));
    }
    const changed = names.map(({ id }) => id);
    return { acknowledged: [...before, ...changed], changed, unknown, incomplete };
  }

  /** What the log holds when this process starts, or after it was lost; nobody is told of it again. */
  load({ entries, isMore }: RecentLog): void {
    const first = entries[0];
    if (first && isMore) this.#recent.skipUntil(formatPosition({ epoch: first.epoch, seq: first.seq - 1 }));
    for (const entry of entries) this.#add(entry);
  }

  /** What the tail reads, in any order and as often as it likes. */
  take(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      const event = this.#add(entry);
      if (event) this.#tell(event);
    }
  }

  /** The log was lost and begun again. */
  reset(): void {
    this.#recent.clear();
  }

  #add(entry: LogEntry): ErrorEvent | null {
    const event = decodeErrorEvent(entry);
    return event && this.#recent.add(event) ? event : null;
  }

  #tell(event: ErrorEvent): void {
    try {
      if (event.kind === 'occurrence') this.emit('new_error', event);
      else this.emit('acknowledged', event);
    } catch (err) {
      // A listener of ours that throws must not stop the tail.
      this.#deps.logger.error({ err }, 'a listener of the error tracker failed');
    }
  }

  async #append(entry: NewEntry): Promise<void> {
    let position: LogPosition;
    try {
      position = await this.#deps.append(entry);
    } catch (cause) {
      const message = `the acknowledgement could not be written (${messageOf(cause)}): try again when Redis answers`;
      throw new OperatorError('LOG_AWAY', message, { cause });
    }
    // Whoever acknowledges and looks again must see it, even if the tail needs a moment to come by.
    this.take([{ channel: 'errors', dn: null, call: null, event: null, ...entry, ...position }]);
  }

  async #resolve(which: Acknowledgeable): Promise<Resolved> {
    if (typeof which === 'object' && 'matching' in which) return this.#openMatching(which.matching);
    const wanted = new Set(typeof which === 'string' ? [which] : which);
    const recent = this.#recent.after(null);
    const found = new Map<string, { name: ErrorName; isOpen: boolean }>();
    // What memory knows to be acknowledged is; of a group that began before it, it may not know.
    const settled = foldErrors([], recent).filter(({ acknowledged }) => acknowledged);
    for (const event of recent) {
      if (event.kind !== 'occurrence' || !wanted.has(event.id)) continue;
      const { id, fingerprint } = event;
      const isOpen = !settled.some(group => group.fingerprint === fingerprint && group.id <= id && id <= group.lastId);
      found.set(id, { name: { id, fingerprint }, isOpen });
    }
    const others = [...wanted].filter(id => !found.has(id));
    for (const { id, fingerprint, acknowledged } of others.length === 0 ? [] : await this.#stored(others)) {
      found.set(id, { name: { id, fingerprint }, isOpen: !acknowledged });
    }
    const all = [...found.values()];
    return {
      names: all.filter(({ isOpen }) => isOpen).map(({ name }) => name),
      before: all.filter(({ isOpen }) => !isOpen).map(({ name }) => name.id),
      unknown: others.filter(id => !found.has(id)),
      incomplete: null,
    };
  }

  /** As they are now: what the log has told since PostgreSQL counts. */
  async #stored(ids: readonly string[]): Promise<ErrorGroup[]> {
    try {
      const reading = inMergedErrors({ ...this.#deps, recent: this.#recent }, async ({ client, changed }) => {
        const stored = await selectErrorsByPosition(client, ids);
        return stored.map(group => changed.find(({ id }) => id === group.id) ?? group);
      });
      return await within(STORE_WITHIN_MS, reading);
    } catch (cause) {
      const message = `older errors cannot be looked up (${messageOf(cause)}): try again when PostgreSQL answers`;
      throw new OperatorError('STORE_AWAY', message, { cause });
    }
  }

  async #openMatching(filters: ErrorFilters): Promise<Resolved> {
    const names: ErrorName[] = [];
    let incomplete: string | null = null;
    let cursor: string | undefined;
    do {
      const page = await this.getErrors({ ...filters, acknowledged: false, limit: MATCHING_PAGE, cursor });
      for (const { id, fingerprint } of page.errors) names.push({ id, fingerprint });
      incomplete ??= page.incomplete;
      cursor = page.next ?? undefined;
    } while (cursor && names.length < MAX_MATCHING);
    if (cursor) {
      const most = MAX_MATCHING.toLocaleString('en');
      incomplete = `no more than ${most} errors are acknowledged at a time, and more match: acknowledge again`;
    }
    return { names, before: [], unknown: [], incomplete };
  }
}
