import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { type FrameTrace, traceFrame } from '@3cx-relay/shared/runtime/tracing.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, type Registry } from 'prom-client';
import type { Call } from '../call-model/call.ts';
import { type CallModel, keyOf, type ModelChange, type QueuedCall } from '../call-model/call-model.ts';
import type { CallControlSnapshot, EntityOutcome } from '../pbx/callcontrol/callcontrol-api.ts';
import type { Participant } from '../pbx/callcontrol/participant.ts';
import type { QueueWatch } from '../reconcile/queue-watch.ts';
import { findDifferences } from '../reconcile/reconcile.ts';
import { toGapEntry } from '../records/record-entry.ts';
import { type EntryCause, toCallEntry, toOtherEntry } from './call-entry.ts';
import type { Enricher } from './enrich.ts';
import type { ErrorReport, PbxGap, Unresolved } from './entry-body.ts';
import { FirstSigns } from './first-signs.ts';
import { EVENT_DTMF, EVENT_REMOVE, EVENT_UPSERT, type Frame, HIGHEST_KNOWN_EVENT } from './frame.ts';
import type { OrderedWindow, WindowItem } from './ordered-window.ts';
import { type Projection, toRestoredEntry } from './restored-entry.ts';

/**
 * From frames to log entries: every frame becomes exactly one entry, in order of arrival. Frames, gaps, snapshots and
 * the ticks of the grace pass through one window, so that whatever leaves it happened in this order; the call model is
 * touched nowhere else.
 */
export interface PipelineOptions {
  readonly maxFrames: number;
  readonly getDeadlineMs: number;
  readonly graceMs: number;
  /** How far apart the same moment may be at the PBX and here. */
  readonly sameMomentMs: number;
}

export interface PipelineDeps {
  readonly model: CallModel;
  readonly window: OrderedWindow;
  readonly enricher: Enricher;
  readonly write: (channel: Channel, entry: NewEntry) => void;
  /** A frame went in without its entity: the next snapshot has to repair the state. */
  readonly onUnresolved: (reason: Unresolved, of: { dn: string; at: number; isUnknownCall: boolean }) => void;
  /** Resolves when the PBX is heard from anew, on whatever connection. */
  readonly lineAnswers: () => Promise<void>;
  readonly onCallEnded?: (call: Call) => void;
  /** Asks for callers who may wait on in a queue. */
  readonly queues?: Pick<QueueWatch, 'look' | 'pause' | 'resume'>;
  /** A snapshot's differences are on their way into the log. */
  readonly onSnapshot?: (snapshot: CallControlSnapshot) => void;
  readonly errors: ErrorSink;
  readonly registry: Registry;
  readonly now?: () => number;
}

/** More is garbage, of which nobody wants to hear by number. */
const MAX_UNKNOWN_TYPES = 20;

interface FrameItem extends WindowItem {
  readonly key: string | null;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #deps: PipelineDeps;
  readonly #now: () => number;
  readonly #frames: Counter<'kind'>;
  readonly #unresolved: Counter<'reason'>;
  readonly #pending = new Map<WindowItem, string>();
  readonly #unknownTypes = new Set<number>();
  readonly #signs: FirstSigns;
  #isWatching = true;
  #touched: Set<string> | null = null;
  #tickTimer: NodeJS.Timeout | undefined;

  constructor(options: PipelineOptions, deps: PipelineDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#signs = new FirstSigns(options);
    this.#now = deps.now ?? Date.now;
    const registers = [deps.registry];
    this.#frames = new Counter({
      name: 'relay_pbx_frames_total',
      help: 'Frames received from the PBX by kind',
      labelNames: ['kind'],
      registers,
    });
    this.#unresolved = new Counter({
      name: 'relay_pbx_unresolved_total',
      help: 'Frames that went into the log without their participant, by reason',
      labelNames: ['reason'],
      registers,
    });
  }

  accept(frame: Frame, at: number): void {
    const { subject } = frame;
    const key = subject.kind === 'participant' ? keyOf(subject) : null;
    this.#frames.inc({ kind: kindOf(frame.eventType) });
    if (key) this.#touched?.add(key);
    if (subject.kind !== 'participant' || frame.eventType !== EVENT_UPSERT) {
      this.#push({ key, bytes: frame.text.length, emit: () => this.#emitFrame(frame, at, null) });
      return;
    }
    if (this.#deps.window.size >= this.#options.maxFrames) {
      this.#push({ key, bytes: frame.text.length, emit: () => this.#emitFrame(frame, at, 'overload') });
      return;
    }
    let outcome: EntityOutcome | null = null;
    const item = this.#push({
      key,
      bytes: frame.text.length,
      dueAt: performance.now() + this.#options.getDeadlineMs,
      emit: () => this.#emitFrame(frame, at, outcome ?? 'deadline'),
    });
    this.#deps.enricher.request({
      dn: subject.dn,
      id: subject.id,
      isGivenUp: () => item.isReady,
      settle: settled => {
        if (item.isReady) return;
        outcome = settled;
        item.isReady = true;
        this.#deps.window.pump();
      },
    });
  }

  /** A frame that cannot be an entry of `calls` is an entry of `errors`, with its beginning. */
  unreadable(what: { reason: string; bytes: number; sample: string; encoding: string }): void {
    this.#frames.inc({ kind: 'unreadable' });
    const { reason, ...details } = what;
    this.report({ severity: 'error', message: `a frame of the PBX cannot be read: ${reason}`, details });
  }

  report({ severity, message, details }: ErrorReport): void {
    this.#deps.errors.logError('callcontrol', severity, message, details);
  }

  gap(at: number, gap: PbxGap): void {
    this.enqueue(() => this.#deps.write('calls', toGapEntry(at, gap)));
  }

  /** Runs something in its place between the frames. */
  enqueue(run: () => void): void {
    this.#push({ key: null, bytes: 0, emit: run });
  }

  /** Keeps a place between the frames for something that takes time; what comes later waits, at most `deadlineMs`. */
  reserve(deadlineMs: number): (run: () => void) => void {
    let what: (() => void) | null = null;
    const item = this.#push({ key: null, bytes: 0, dueAt: performance.now() + deadlineMs, emit: () => what?.() });
    return run => {
      if (item.isReady) return;
      what = run;
      item.isReady = true;
      this.#deps.window.pump();
    };
  }

  /** The connection is lost: a call that everybody left may have gone on since, which only a snapshot can tell. */
  stopWatching(): void {
    this.#isWatching = false;
    this.#signs.connectionLost();
    this.#deps.queues?.pause();
    clearTimeout(this.#tickTimer);
    this.#tickTimer = undefined;
  }

  watchAgain(): void {
    this.#isWatching = true;
    this.#tick(this.#now());
    this.#armTick();
    this.#deps.queues?.resume();
  }

  /** From now on remembers which participants frames tell about, those that are still waiting included. */
  watchTouched(): ReadonlySet<string> {
    this.#touched = new Set(this.#pending.values());
    return this.#touched;
  }

  /** Writes what the snapshot tells and nobody knew; to be called in its place between the frames. Returns how many entries. */
  applySnapshot(snapshot: CallControlSnapshot, context: { isAfterGap: boolean; touched: ReadonlySet<string> }): number {
    const { model } = this.#deps;
    const at = this.#now();
    const { steps, isRestart } = findDifferences(model, snapshot, context);
    if (isRestart) model.forgetNumbers();
    // Of what happened in an outage nobody knows when.
    const seen = { at, isWatched: !context.isAfterGap };
    for (const step of steps) {
      const change =
        step.kind === 'upsert'
          ? model.upsert(step.participant, this.#signs.inSnapshot(keyOf(step.participant), at, context))
          : model.remove(step, { ...seen, isReconciled: true, endsAtOnce: context.isAfterGap });
      const { dn, id } = step.kind === 'upsert' ? step.participant : step;
      const participantJson = step.kind === 'upsert' ? step.participant.json : null;
      const entity = `/callcontrol/${dn}/participants/${id}`;
      this.#writeCallEvent(change, { at, frame: null, participantJson, entity, origin: 'reconcile' });
    }
    const present = new Set(snapshot.participants.map(keyOf));
    model.confirmGone(key => present.has(key) || context.touched.has(key), seen);
    this.#signs.looked(at, context.touched);
    this.watchAgain();
    this.#deps.onSnapshot?.(snapshot);
    return steps.length;
  }

  /** The caller is not in the queue any more. */
  endInQueue(queued: QueuedCall, how: { wasElsewhere: boolean }): void {
    this.enqueue(() => {
      const change = this.#deps.model.endInQueue(queued, how);
      if (change)
        this.#writeCallEvent(change, { at: this.#now(), frame: null, participantJson: null, origin: 'grace' });
    });
  }

  /** The projection in Redis was lost or rolled back with the log. */
  republish(projection: Projection): void {
    const entry = toRestoredEntry(this.#deps.model, projection, this.#now());
    if (entry) this.#deps.write('calls', entry);
  }

  stop(): void {
    clearTimeout(this.#tickTimer);
    this.#tickTimer = undefined;
    this.#deps.queues?.pause();
  }

  #push(what: { key: string | null; bytes: number; dueAt?: number; emit: () => void }): FrameItem {
    const item: FrameItem = {
      key: what.key,
      bytes: what.bytes,
      dueAt: what.dueAt ?? null,
      isReady: what.dueAt === undefined,
      expire: () => {
        item.isReady = true;
      },
      emit: () => {
        this.#pending.delete(item);
        what.emit();
      },
    };
    if (what.key) this.#pending.set(item, what.key);
    this.#deps.window.push(item);
    return item;
  }

  #emitFrame(frame: Frame, at: number, outcome: EntityOutcome | 'overload' | 'deadline' | null): void {
    this.#tick(at);
    const traced = traceFrame(at);
    this.#writeFrame(frame, { at, outcome }, traced);
    traced?.end({ 'pbx.event_type': frame.eventType, 'pbx.entity': frame.subject.kind });
  }

  #writeFrame(
    frame: Frame,
    { at, outcome }: { at: number; outcome: EntityOutcome | 'overload' | 'deadline' | null },
    traced: FrameTrace | null,
  ): void {
    const { subject, text } = frame;
    if (frame.eventType > HIGHEST_KNOWN_EVENT) this.#reportUnknown(frame.eventType);
    if (subject.kind !== 'participant') {
      const entry = toOtherEntry(frame, subject, at);
      this.#deps.write('calls', traced ? { ...entry, trace: traced.traceparent } : entry);
      return;
    }
    const { change, participantJson, unresolved } = this.#apply(frame, subject, { at, outcome });
    const trace = traced?.traceparent;
    this.#writeCallEvent(change, { at, frame: text, participantJson, unresolved, dtmf: frame.dtmf, trace });
    if (unresolved) {
      this.#unresolved.inc({ reason: unresolved });
      this.#signs.unresolved(keyOf(subject), at);
      this.#deps.onUnresolved(unresolved, { dn: subject.dn, at, isUnknownCall: change.callId === null });
    }
    this.#armTick();
  }

  #reportUnknown(eventType: number): void {
    if (this.#unknownTypes.has(eventType) || this.#unknownTypes.size >= MAX_UNKNOWN_TYPES) return;
    this.#unknownTypes.add(eventType);
    const message = `the PBX sends events of type ${eventType}, which this version does not know: they are passed on as pbx.event`;
    this.report({ severity: 'warning', message });
  }

  #apply(
    frame: Frame,
    subject: { dn: string; id: number },
    came: { at: number; outcome: EntityOutcome | 'overload' | 'deadline' | null },
  ): { change: ModelChange; participantJson: string | null; unresolved: Unresolved | null } {
    const { model } = this.#deps;
    const seen = { at: came.at, isWatched: true };
    const known = (): Participant | undefined => model.participants.get(keyOf(subject));
    switch (frame.eventType) {
      case EVENT_UPSERT: {
        const { outcome } = came;
        if (outcome && typeof outcome === 'object' && outcome.kind === 'found') {
          const { participant } = outcome;
          const { status } = participant;
          const change = model.upsert(participant, this.#signs.inFrame({ key: keyOf(subject), status }, came.at));
          return { change, participantJson: participant.json, unresolved: null };
        }
        const reason = outcome === null ? 'failed' : typeof outcome === 'string' ? outcome : outcome.kind;
        // Gone before we could ask: for the model that is the Remove, which will follow and tell nothing new.
        const change =
          reason === 'gone'
            ? { ...model.remove(subject, { ...seen, isGuess: true }), isRepeat: false }
            : model.about(subject, []);
        return { change, participantJson: null, unresolved: reason };
      }
      case EVENT_REMOVE:
        this.#signs.gone(keyOf(subject));
        return { change: model.remove(subject, seen), participantJson: null, unresolved: null };
      case EVENT_DTMF:
        return {
          change: model.about(subject, ['call.dtmf']),
          participantJson: known()?.json ?? null,
          unresolved: null,
        };
      default:
        return {
          change: model.about(subject, ['pbx.event']),
          participantJson: known()?.json ?? null,
          unresolved: null,
        };
    }
  }

  #tick(now: number): void {
    const due = this.#deps.model.nextDue;
    if (due === null || due > now || !this.#isWatching) return;
    for (const change of this.#deps.model.tick(now)) {
      this.#writeCallEvent(change, { at: now, frame: null, participantJson: null, origin: 'grace' });
    }
  }

  /**
   * The tick goes through the window like a frame: one that arrived before it may still keep the call alive. It waits
   * until the line has answered, because on a line that is dead and not yet given up nobody seems to come back.
   */
  #armTick(): void {
    this.#deps.queues?.look();
    const due = this.#deps.model.nextDue;
    if (due === null || this.#tickTimer || !this.#isWatching) return;
    // Bounded by the grace: a clock that was set back must not put the tick off.
    const waitMs = Math.min(Math.max(1, due - this.#now()), Math.max(1, this.#options.graceMs));
    const timer = setTimeout(() => {
      void this.#deps.lineAnswers().then(() => {
        // The connection was lost meanwhile: the next one winds its own.
        if (this.#tickTimer !== timer) return;
        this.#tickTimer = undefined;
        const at = this.#now();
        this.enqueue(() => {
          this.#tick(at);
          this.#armTick();
        });
      });
    }, waitMs);
    this.#tickTimer = timer;
  }

  #writeCallEvent(change: ModelChange, cause: EntryCause): void {
    this.#deps.write('calls', toCallEntry(change, cause));
    if (change.callJson !== null && change.events.includes('call.ended')) {
      this.#deps.onCallEnded?.(JSON.parse(change.callJson) as Call);
    }
  }
}

function kindOf(eventType: number): string {
  switch (eventType) {
    case EVENT_UPSERT:
      return 'upsert';
    case EVENT_REMOVE:
      return 'remove';
    case EVENT_DTMF:
      return 'dtmf';
    default:
      return 'other';
  }
}
