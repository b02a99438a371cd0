import type { CdrParty, CdrSegment } from './cdr-segment.ts';
import type { Clock } from './clock.ts';

export type OpenSegment = { -readonly [K in keyof CdrSegment]: CdrSegment[K] };

export type SegmentDraft = Pick<CdrSegment, 'source' | 'destination' | 'creationMethod'> & {
  creationForwardReason?: string;
  /** The segment that led here. */
  from?: OpenSegment | null;
};

export type SegmentEnd = {
  reason: string;
  details: string;
  by?: CdrParty | null;
  next?: OpenSegment | null;
};

type HistoryDeps = {
  clock: Clock;
  newId: () => string;
  /** Null keeps no history: a burst of 100,000 frames must stay cheap. */
  onSegment: ((segment: CdrSegment) => void) | null;
};

/**
 * The detail records of one call. A segment is handed out once, when it has ended: when a real PBX writes its rows is
 * unknown (3cx.md §3.2), after the end is the cautious reading.
 */
export class CallHistory {
  readonly #deps: HistoryDeps;
  readonly #open = new Set<OpenSegment>();
  readonly id: string;
  /** The history of another call once a transfer has linked the two. */
  mainId: string;
  #firstId: string | null = null;

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
    this.id = this.newId();
    this.mainId = this.id;
  }

  get isKept(): boolean {
    return this.#deps.onSegment !== null;
  }

  newId(): string {
    return this.isKept ? this.#deps.newId() : '';
  }

  open({ from = null, creationForwardReason = 'none', ...draft }: SegmentDraft): OpenSegment {
    const segment: OpenSegment = {
      cdrId: this.newId(),
      callHistoryId: this.id,
      mainCallHistoryId: this.mainId,
      baseCdrId: this.#firstId,
      originatingCdrId: from?.cdrId ?? null,
      continuedInCdrId: null,
      ...draft,
      creationForwardReason,
      terminationReason: '',
      terminationReasonDetails: '',
      terminatedByParticipantId: null,
      startedAt: this.#deps.clock.now(),
      answeredAt: null,
      endedAt: 0,
    };
    this.#firstId ??= segment.cdrId;
    this.#open.add(segment);
    return segment;
  }

  answered(segment: OpenSegment): void {
    segment.answeredAt ??= this.#deps.clock.now();
  }

  close(segment: OpenSegment, end: SegmentEnd): void {
    if (!this.#open.delete(segment)) return;
    segment.terminationReason = end.reason;
    segment.terminationReasonDetails = end.details;
    segment.terminatedByParticipantId = end.by?.participantId ?? null;
    segment.continuedInCdrId = end.next?.cdrId ?? null;
    segment.mainCallHistoryId = this.mainId;
    segment.endedAt = this.#deps.clock.now();
    this.#deps.onSegment?.(segment);
  }

  /** What is still open ends here: at a restart of the service, where nobody in particular ended it. */
  closeAll(end: SegmentEnd): void {
    for (const segment of [...this.#open]) this.close(segment, end);
  }
}
