import { memoryPositions } from '@3cx-relay/shared/client/position-store.ts';
import type { RelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import type { Call } from '@3cx-relay/shared/wire/call.ts';
import type { CallEventMessage } from '@3cx-relay/shared/wire/call-event.ts';
import type { CallTimeline } from '@3cx-relay/shared/wire/call-timeline.ts';
import { type AdminApi, isAbort } from '../api/admin-api.ts';
import { type AdminProblem, toAdminProblem } from '../api/admin-problem.ts';
import { type Follower, follow } from './follow.ts';

const RETRY_MS = 2_000;

/** One call, from its first event to its last, and on while it goes on: its records come after its end. */
export class CallStory {
  readonly callId: string;
  events = $state.raw<readonly CallEventMessage[]>([]);
  /** As it stands behind the last event; null until it was read. */
  call = $state.raw<Call | null>(null);
  isRead = $state(false);
  problem = $state.raw<AdminProblem | null>(null);
  readonly #deps: { readonly api: AdminApi; readonly client: Pick<RelayClient, 'events'> };
  readonly #stopping = new AbortController();
  #follower: Follower | null = null;

  constructor(callId: string, deps: { readonly api: AdminApi; readonly client: Pick<RelayClient, 'events'> }) {
    this.callId = callId;
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const position = await this.#readPast(signal);
        this.problem = null;
        this.isRead = true;
        if (!signal.aborted) this.#follow(position);
        return;
      } catch (error) {
        if (signal.aborted || isAbort(error)) return;
        this.problem = toAdminProblem(error);
        if (!this.problem.isPassing) return;
        await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  stop(): void {
    this.#stopping.abort();
    this.#follower?.stop();
  }

  /** Returns from where to follow. */
  async #readPast(signal: AbortSignal): Promise<string> {
    const events: CallEventMessage[] = [];
    let after: string | null = null;
    for (;;) {
      const path = `relay/calls/${encodeURIComponent(this.callId)}`;
      const page: CallTimeline = await this.#deps.api.get<CallTimeline>(path, { after }, signal);
      events.push(...page.events);
      after = page.next;
      if (page.more && after !== null) continue;
      this.events = events;
      this.call = page.call;
      return page.position;
    }
  }

  #follow(position: string): void {
    const positions = memoryPositions();
    positions.save('calls', position);
    this.#follower = follow(
      this.#deps.client,
      { channels: ['calls'], call: [this.callId], positions },
      {
        onItem: item => {
          if (item.type !== 'call_event') return;
          // An entry of another call may change this one, too.
          const call = [item.call, ...(item.otherCalls ?? [])].find(other => other?.callId === this.callId);
          if (!call) return;
          this.call = call;
          if (item.call?.callId === this.callId) this.events = [...this.events, item];
        },
        onConnection: () => undefined,
      },
    );
  }
}
