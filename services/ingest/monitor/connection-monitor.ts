import { EventEmitter } from 'node:events';
import {
  COMPONENTS,
  type Component,
  type ComponentSample,
  type ComponentState,
  type Reconnectable,
  type ReconnectResult,
} from '@3cx-relay/shared/jobs/component-state.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { awaitSocket } from './await-socket.ts';
import { ABSENT, type CheckOutcome, createCheck, down, SLOW } from './check.ts';
import type { MonitoredDatabase, MonitoredSocket, MonitoredXapi } from './monitored.ts';

export interface StateChange {
  readonly component: Component;
  readonly from: ComponentState;
  readonly to: ComponentState;
  readonly latencyMs: number | null;
  readonly error: string | null;
  /** ISO 8601: when it was seen, and since when it is so. */
  readonly at: string;
  readonly since: string;
}

interface Events {
  /** After every look. */
  sample: [ComponentSample];
  /** After the look that found another state than the one before. */
  state_change: [StateChange];
}

const RECONNECT_WITHIN_MS = 10_000;

/**
 * Watches what ingest is connected to, and reconnects it on request.
 *
 * Every component is looked at by itself: the looks run side by side, each has its deadline, and each is told as soon
 * as it is over, so that one that hangs delays nobody. What the looks came to goes into the log (health-log.ts); when
 * they are taken is decided elsewhere (schedule.ts).
 */
export class ConnectionMonitor extends EventEmitter<Events> {
  readonly #database: MonitoredDatabase;
  readonly #xapi: MonitoredXapi;
  readonly #socket: MonitoredSocket;
  readonly #checks = new Map<Component, () => Promise<CheckOutcome>>();
  readonly #samples = new Map<Component, ComponentSample>();
  readonly #looking = new Map<Component, Promise<ComponentSample>>();
  readonly #reconnecting = new Map<Reconnectable, Promise<ReconnectResult>>();
  /** Between the old connection and the new one: an outage that was asked for is none, and looks wait for its end. */
  readonly #between = new Map<Component, Promise<CheckOutcome>>();

  constructor(db: MonitoredDatabase, xapi: MonitoredXapi, callControl: MonitoredSocket) {
    super();
    this.#database = db;
    this.#xapi = xapi;
    this.#socket = callControl;
    const checkDatabase = createCheck(signal => db.check(signal));
    this.watch('database', async () => (db.isConfigured ? checkDatabase() : ABSENT));
    const checkXapi = createCheck(signal => xapi.check(signal));
    this.watch('xapi', async () => this.#withRefusal(await checkXapi()));
    this.watch('websocket', async () => socketOutcome(callControl));
  }

  /** Adds one more thing to look at; `check` must end by itself. */
  watch(component: Component, check: () => Promise<CheckOutcome>): void {
    this.#checks.set(component, check);
  }

  /** Takes over what an earlier process saw last, so that a restart is neither a change nor a new beginning. */
  restore(samples: readonly ComponentSample[]): void {
    for (const sample of samples) {
      if (!this.#samples.has(sample.component)) this.#samples.set(sample.component, sample);
    }
  }

  /** The last look at each component, those of an earlier process included. */
  get components(): readonly ComponentSample[] {
    return COMPONENTS.flatMap(component => this.#samples.get(component) ?? []);
  }

  /** Looks at everything at once; resolves when the slowest look is over, which its deadline ends. */
  async checkAll(): Promise<readonly ComponentSample[]> {
    return Promise.all([...this.#checks.keys()].map(component => this.#look(component)));
  }

  checkDatabase(): Promise<ComponentSample> {
    return this.#look('database');
  }

  checkXAPI(): Promise<ComponentSample> {
    return this.#look('xapi');
  }

  checkWebSocket(): Promise<ComponentSample> {
    return this.#look('websocket');
  }

  reconnectDatabase(): Promise<ReconnectResult> {
    return this.#reconnect('database', () => this.#database.connect());
  }

  reconnectXAPI(): Promise<ReconnectResult> {
    return this.#reconnect('xapi', signal => this.#xapi.reconnect(signal));
  }

  reconnectWebSocket(): Promise<ReconnectResult> {
    return this.#reconnect('websocket', signal => {
      const before = this.#socket.openSince;
      this.#socket.reconnect('an operator asked for a new connection');
      return awaitSocket(this.#socket, { openedAfter: before, signal });
    });
  }

  reconnect(component: Reconnectable): Promise<ReconnectResult> {
    switch (component) {
      case 'database':
        return this.reconnectDatabase();
      case 'xapi':
        return this.reconnectXAPI();
      case 'websocket':
        return this.reconnectWebSocket();
    }
  }

  /** Who looks while somebody is looking gets the same look. */
  #look(component: Component): Promise<ComponentSample> {
    let looking = this.#looking.get(component);
    if (!looking) {
      looking = this.#lookNow(component).finally(() => this.#looking.delete(component));
      this.#looking.set(component, looking);
    }
    return looking;
  }

  async #lookNow(component: Component): Promise<ComponentSample> {
    await this.#between.get(component);
    const check = this.#checks.get(component);
    const outcome = check ? await check().catch(error => down(messageOf(error))) : ABSENT;
    return this.#record(component, outcome);
  }

  #record(component: Component, outcome: CheckOutcome): ComponentSample {
    const at = new Date().toISOString();
    const before = this.#samples.get(component);
    const since = before?.state === outcome.state ? before.since : at;
    const sample = { component, ...outcome, since, checkedAt: at };
    this.#samples.set(component, sample);
    this.emit('sample', sample);
    if (before && before.state !== outcome.state) {
      const { state: to, latencyMs, error } = outcome;
      this.emit('state_change', { component, from: before.state, to, latencyMs, error, at, since });
    }
    return sample;
  }

  /** Until it is known what XAPI refuses it is what it was before: a restart mends no role. */
  #withRefusal(outcome: CheckOutcome): CheckOutcome {
    if (outcome.state === 'down') return outcome;
    const { refusal } = this.#xapi;
    const before = this.#samples.get('xapi');
    const isHeld = refusal === undefined && before?.state === 'degraded' && before.error !== SLOW;
    const error = isHeld ? before.error : refusal;
    return error == null ? outcome : { ...outcome, state: 'degraded', error };
  }

  /** Two who ask at once get one reconnect. It is believed only when the component then answers. */
  #reconnect(component: Reconnectable, act: (signal: AbortSignal) => Promise<unknown>): Promise<ReconnectResult> {
    let reconnecting = this.#reconnecting.get(component);
    if (!reconnecting) {
      reconnecting = this.#reconnectNow(component, act).finally(() => this.#reconnecting.delete(component));
      this.#reconnecting.set(component, reconnecting);
    }
    return reconnecting;
  }

  async #reconnectNow(
    component: Reconnectable,
    act: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<ReconnectResult> {
    const acting = createCheck(act, {
      deadlineMs: RECONNECT_WITHIN_MS,
      slowMs: RECONNECT_WITHIN_MS,
      writeOffMs: RECONNECT_WITHIN_MS,
    })();
    this.#between.set(component, acting);
    const { error: failure } = await acting.finally(() => this.#between.delete(component));
    // A look that began before the reconnect tells of the connection before it.
    await this.#looking.get(component);
    const { state, latencyMs, error } = await this.#look(component);
    const ok = failure === null && (state === 'up' || state === 'degraded');
    return { component, ok, state, latencyMs, error: failure ?? error };
  }
}

/** Between two tries it is as down as it was: only the very first dialling is neither. */
function socketOutcome({ state, error }: MonitoredSocket): CheckOutcome {
  if (state === 'connected') return { state: error === null ? 'up' : 'degraded', latencyMs: null, error };
  if (state === 'connecting' && error === null)
    return { state: 'degraded', latencyMs: null, error: 'is being dialled' };
  return down(error ?? 'is not connected');
}
