import type { ScenarioName } from '../call.ts';
import { consultation } from './consult.ts';
import { betweenExtensions, fromOutside, toOutside } from './direct.ts';
import { throughDistributor } from './groups.ts';
import type { Script, Stage } from './stage.ts';

/** Several names share a script: what differs is in the plan, and in what `talk.ts` does at half time. */
export const SCRIPTS: Record<ScenarioName, (stage: Stage) => Script> = {
  inbound: fromOutside,
  missed: fromOutside,
  outbound: toOutside,
  busy: toOutside,
  failed: toOutside,
  internal: betweenExtensions,
  queue: throughDistributor,
  ringGroup: throughDistributor,
  transfer: fromOutside,
  consult: consultation,
  dtmf: fromOutside,
  prompt: fromOutside,
};
