import type { CdrCall, CdrEnd, CdrSegment, CdrSource } from '../pbx/cdr.ts';

/** Chains of records as 3cx.md §3.2 describes them, with what matters to a test set. */
export const T0 = Date.UTC(2026, 2, 2, 9, 0, 0);

const NOWHERE: CdrEnd = { entityType: null, dn: null, name: null, number: null, did: null };

export const trunk = (number: string, did: string | null = null): CdrEnd => ({
  ...NOWHERE,
  entityType: 'external_line',
  dn: '10007',
  number,
  did,
});
export const extension = (dn: string, name: string | null = null): CdrEnd => ({
  ...NOWHERE,
  entityType: 'extension',
  dn,
  name,
});
export const entity = (entityType: string, dn: string): CdrEnd => ({ ...NOWHERE, entityType, dn });

/** Times in ms after `T0`. */
export function segment(
  fields: Partial<Omit<CdrSegment, 'startedAt' | 'answeredAt' | 'endedAt'>> & {
    source: CdrEnd;
    destination: CdrEnd;
    times: readonly [started: number, answered: number | null, ended: number | null];
  },
): CdrSegment {
  const { times, ...rest } = fields;
  const [started, answered, ended] = times;
  return {
    cdrId: `00000000-01dc-688a-2607-${String(started).padStart(12, '0')}`,
    creationMethod: 'call_init',
    creationForwardReason: 'none',
    terminationReason: null,
    terminationReasonDetails: null,
    ...rest,
    startedAt: T0 + started,
    answeredAt: answered === null ? null : T0 + answered,
    endedAt: ended === null ? null : T0 + ended,
  };
}

export function chain(callHistoryId: string, ...segments: CdrSegment[]): CdrCall {
  return { callHistoryId, mainCallHistoryId: callHistoryId, segments, isTruncated: false };
}

export const ID = '00000000-01dc-688a-2607-57e500000c10';

/** From outside to 101, answered after 4 s, over after 30 s. */
export function inboundChain(id = ID, at = 0): CdrCall {
  const customer = trunk('+4930123456', '+493023125900');
  return chain(
    id,
    segment({
      source: customer,
      destination: entity('inbound_routing', 'ROUTER'),
      terminationReason: 'redirected',
      terminationReasonDetails: 'by_did',
      times: [at, null, at + 20],
    }),
    segment({
      source: customer,
      destination: extension('101', 'Ada'),
      creationMethod: 'divert',
      terminationReason: 'src_participant_terminated',
      terminationReasonDetails: 'none',
      times: [at + 20, at + 4_000, at + 30_000],
    }),
  );
}

/** Records that appear as they are put in. */
export function createShelf(): CdrSource & {
  put(...calls: CdrCall[]): void;
  fail(error: Error | null): void;
  reads: number;
} {
  let calls: CdrCall[] = [];
  let failure: Error | null = null;
  return {
    reads: 0,
    put(...more) {
      const ids = new Set(more.map(call => call.callHistoryId));
      calls = [...calls.filter(call => !ids.has(call.callHistoryId)), ...more];
    },
    fail(error) {
      failure = error;
    },
    async *queryCDR(start, end) {
      this.reads += 1;
      if (failure) throw failure;
      for (const call of calls) {
        const isInside = call.segments.some(
          ({ startedAt }) => startedAt >= start.getTime() && startedAt <= end.getTime(),
        );
        if (isInside) yield call;
      }
    },
  };
}
