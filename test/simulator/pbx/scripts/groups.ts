import type { OpenSegment } from '../call-history.ts';
import type { CdrParty } from '../cdr-segment.ts';
import type { Participant } from '../participant.ts';
import { arrive, LEGS_BEFORE_INBOUND } from './direct.ts';
import { announce, callerFromOutside, depart, partiesOf, place, ring, type Script, type Stage, wait } from './stage.ts';
import { clear, converse, move, talk } from './talk.ts';

type Target = { leg: Participant; segment: OpenSegment };
type Distribution = {
  kind: 'queue' | 'ringGroup';
  /** The caller, as in every segment from here on. */
  caller: CdrParty;
  /** Caller to queue or group: open until one answers or the caller has had enough. */
  waiting: OpenSegment;
};

/**
 * A queue or a ring group that rings all its agents: a participant each, with one callid and a legid of its own. The
 * waiting itself is invisible, because the DN of a queue cannot be monitored. `originated_by` names the distributor
 * that sent the caller; nobody has captured such a participant (3cx.md §1.6, §7), so this is our guess.
 */
export function* throughDistributor(stage: Stage): Script {
  const { call } = stage;
  call.lastLegId = LEGS_BEFORE_INBOUND;
  const distribution = enter(stage);
  const isThere = call.plan.waitMs === 0 || (yield* wait(stage, call.plan.waitMs)).kind !== 'hangup';
  for (let round = 0; isThere && round <= call.plan.rounds; round++) {
    if (round > 0 && (yield* wait(stage, call.plan.pauseMs)).kind === 'hangup') break;
    const outcome = yield* poll(stage, distribution, round === call.plan.rounds && call.plan.answered);
    if (outcome === 'answered') return yield* talk(stage);
    if (outcome === 'moved') return yield* converse(stage);
    if (outcome === 'hungUp') break;
  }
  if (distribution.kind === 'queue') call.failure = 'abandoned';
  pollOnPaper(stage, distribution);
  call.history.close(distribution.waiting, {
    reason: 'src_participant_terminated',
    details: 'terminated_by_originator',
    by: distribution.caller,
  });
  yield* clear(stage);
}

function enter(stage: Stage): Distribution {
  const { call } = stage;
  const parties = partiesOf(stage);
  const dn = call.plan.distributor ?? '';
  const kind = call.plan.scenario === 'queue' ? 'queue' : 'ringGroup';
  const arrival = arrive(stage);
  const waiting = call.history.open({
    source: arrival.source,
    destination: kind === 'queue' ? parties.queue(dn) : parties.ringGroup(dn),
    creationMethod: 'divert',
    creationForwardReason: 'by_did',
    from: arrival,
  });
  call.history.close(arrival, { reason: 'redirected', details: 'by_did', next: waiting });
  return { kind, caller: arrival.source, waiting };
}

type Outcome = 'answered' | 'unanswered' | 'hungUp' | 'moved';

/** One round: everybody rings until one answers, the caller goes or the time is over. */
function* poll(stage: Stage, distribution: Distribution, willAnswer: boolean): Generator<number, Outcome, void> {
  const { call } = stage;
  const { plan } = call;
  for (const dn of plan.busyAgents) {
    call.history.close(offer(stage, distribution, dn), { reason: 'rejected', details: 'busy' });
  }
  let targets: Target[] = [];
  for (const dn of plan.agents) {
    const segment = offer(stage, distribution, dn);
    call.targets.set(dn, 'missed');
    const leg = yield* place(stage, {
      status: 'Ringing',
      dn,
      ...callerFromOutside(stage),
      originated_by_dn: plan.distributor ?? '',
      originated_by_type: distribution.kind === 'queue' ? 'Wqueue' : 'Wringgroup',
    });
    targets.push({ leg, segment });
  }
  while (targets.length > 0) {
    const heard = yield* ring(stage, plan.ringMs);
    if (heard.kind === 'answer' || (heard.kind === 'elapsed' && willAnswer)) {
      const winner =
        targets.find(({ leg }) => (heard.kind === 'answer' ? leg.id === heard.participantId : leg.dn === plan.dn)) ??
        targets[0];
      if (winner) yield* settle(stage, { distribution, winner, others: targets.filter(each => each !== winner) });
      return 'answered';
    }
    if (heard.kind === 'redirect') {
      const moving = targets.find(({ leg }) => leg.id === heard.participantId);
      if (!moving) continue;
      for (const target of targets) if (target !== moving) yield* withdraw(stage, target, 'completed_elsewhere');
      call.history.close(distribution.waiting, { reason: 'continued_in', details: 'polling', next: moving.segment });
      call.segment = moving.segment;
      return (yield* move(stage, heard)) ? 'moved' : 'hungUp';
    }
    if (heard.kind === 'elapsed' || heard.participantId === null) {
      const details = heard.kind === 'elapsed' ? 'no_answer' : 'terminated_by_originator';
      for (const target of targets) yield* withdraw(stage, target, details);
      return heard.kind === 'elapsed' ? 'unanswered' : 'hungUp';
    }
    // One agent declines; the others ring on.
    const declined = targets.find(({ leg }) => leg.id === heard.participantId);
    if (!declined) continue;
    targets = targets.filter(each => each !== declined);
    yield* depart(stage, declined.leg);
    const by = declined.segment.destination;
    call.history.close(declined.segment, { reason: 'rejected', details: 'declined', by });
  }
  return 'unanswered';
}

function offer(stage: Stage, { caller, waiting, kind }: Distribution, dn: string): OpenSegment {
  return stage.call.history.open({
    source: caller,
    destination: partiesOf(stage).person(dn),
    creationMethod: 'route_to',
    creationForwardReason: kind === 'queue' ? 'polling' : 'none',
    from: waiting,
  });
}

function* withdraw(stage: Stage, { leg, segment }: Target, details: string): Script {
  yield* depart(stage, leg);
  stage.call.history.close(segment, { reason: 'cancelled', details });
}

type Settlement = { distribution: Distribution; winner: Target; others: Target[] };

/** Connected for one and gone for the others, in either order: which comes first on a real PBX is not known. */
function* settle(stage: Stage, { distribution, winner, others }: Settlement): Script {
  const { call } = stage;
  pollOnPaper(stage, distribution);
  call.answeredAt = stage.clock.now();
  call.segment = winner.segment;
  call.history.answered(winner.segment);
  call.history.close(distribution.waiting, {
    reason: 'continued_in',
    details: distribution.kind === 'queue' ? 'polling' : 'none',
    next: winner.segment,
  });
  call.targets.set(winner.leg.dn, 'answered');
  const connectWinner = function* (): Script {
    winner.leg.status = 'Connected';
    yield* announce(stage, winner.leg);
  };
  if (!call.plan.removeFirst) yield* connectWinner();
  for (const other of others) {
    call.targets.set(other.leg.dn, 'answered_elsewhere');
    yield* withdraw(stage, other, 'completed_elsewhere');
  }
  if (call.plan.removeFirst) yield* connectWinner();
}

/** A long wait in a queue is hundreds of polls in the CDR (1040 rows were seen); who rings nowhere makes no frame. */
function pollOnPaper(stage: Stage, distribution: Distribution): void {
  const { call, clock } = stage;
  const agents = [...call.plan.agents, ...call.plan.busyAgents];
  const rows = call.plan.segments - (call.plan.rounds + 1) * agents.length;
  const everyMs = (clock.now() - call.startedAt) / Math.max(1, rows);
  for (let row = 0; row < rows; row++) {
    const segment = offer(stage, distribution, agents[row % agents.length] ?? '');
    segment.startedAt = Math.round(call.startedAt + row * everyMs);
    call.history.close(segment, { reason: 'rejected', details: 'busy' });
  }
}
