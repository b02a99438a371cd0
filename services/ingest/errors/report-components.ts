import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Severity } from '@3cx-relay/shared/errors/severity.ts';
import type { ComponentSample, ComponentState } from '@3cx-relay/shared/jobs/component-state.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { SLOW } from '../monitor/check.ts';
import type { ConnectionMonitor } from '../monitor/connection-monitor.ts';

/**
 * What the monitor sees becomes news for the operator: once when a connection goes down or slow, once when it is back.
 *
 * Only of those that nobody else tells of. The socket reports itself (report-connection.ts), at once and with its reason;
 * Redis and PostgreSQL are told by those who need them.
 *
 * Samples are compared here, and not the monitor's changes taken: what is down when it is looked at for the first time
 * is news, too. That XAPI answers and refuses a part is news of its own, with an end of its own. What an earlier
 * process saw counts as told, so that a restart repeats nothing.
 */
const TOLD_HERE = ['database', 'xapi'] as const;

type ToldHere = (typeof TOLD_HERE)[number];

const NAMES: Readonly<Record<ToldHere, string>> = { database: "the PBX's database", xapi: 'XAPI' };

/** The words of the specification: a lost database is critical, an API that does not answer an error. */
const DOWN: Readonly<Record<ToldHere, Severity>> = { database: 'critical', xapi: 'error' };

const COST: Readonly<Record<ToldHere, string>> = {
  database: 'call records come from XAPI meanwhile, or later',
  xapi: 'calls are seen all the same, call records and checks wait',
};

export interface ComponentReportDeps {
  readonly logger: Logger;
  readonly errors?: ErrorSink | undefined;
  /** The refusal that report-refusals.ts has told, if there is one: XAPI is down because of it. */
  readonly toldRefusal: () => string | null;
}

export function reportComponents(monitor: ConnectionMonitor, deps: ComponentReportDeps): void {
  const last = new Map<string, ComponentState>();
  const troubled = new Set<string>();
  let isRefusalTold = false;
  for (const sample of monitor.components) {
    const state = reachOf(sample);
    last.set(sample.component, state);
    if (isTrouble(state)) troubled.add(sample.component);
    isRefusalTold ||= refusalOf(sample) !== null;
  }

  /** Which question is refused may change from look to look: it stays one refusal until there is none. */
  const tellRefusal = (sample: ComponentSample) => {
    const refusal = refusalOf(sample);
    if (sample.state === 'down' || isRefusalTold === (refusal !== null)) return;
    isRefusalTold = refusal !== null;
    const component = 'xapi';
    if (refusal === null) announce(deps, { component, severity: 'info', message: 'XAPI refuses nothing any more' });
    else
      announce(deps, { component, severity: 'error', message: `XAPI refuses a part of what it is asked: ${refusal}` });
  };

  const tell = (component: ToldHere, { state, error, latencyMs }: ComponentSample) => {
    const name = NAMES[component];
    if (state === 'down') {
      const message = `${name} is down: ${error ?? 'it does not answer'}; ${COST[component]}`;
      announce(deps, { component, severity: DOWN[component], message });
    } else if (state === 'degraded') {
      const message = `${name} answers slowly or only in part: see the load of the PBX`;
      announce(deps, { component, severity: 'warning', message, details: { error, latencyMs } });
    } else {
      announce(deps, { component, severity: 'info', message: `${name} answers again`, details: { latencyMs } });
    }
  };

  monitor.on('sample', sample => {
    const component = TOLD_HERE.find(name => name === sample.component);
    const state = reachOf(sample);
    if (component === 'xapi') tellRefusal(sample);
    if (!component || last.get(component) === state) return;
    last.set(component, state);
    if (isTrouble(state)) {
      if (component === 'xapi' && deps.toldRefusal() !== null) return;
      troubled.add(component);
      tell(component, { ...sample, state });
      return;
    }
    const wasTroubled = troubled.delete(component);
    if (wasTroubled && state === 'up') tell(component, { ...sample, state });
  });
}

function isTrouble(state: ComponentState): boolean {
  return state === 'down' || state === 'degraded';
}

/** What XAPI refuses to an API client that it answers otherwise. */
function refusalOf({ component, state, error }: ComponentSample): string | null {
  return component === 'xapi' && state === 'degraded' && error !== SLOW ? error : null;
}

/** A refusal has an end of its own; for the rest it is an answer. */
function reachOf(sample: ComponentSample): ComponentState {
  return refusalOf(sample) === null ? sample.state : 'up';
}
