import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { type Changing, restartAll } from './change-release.ts';
import { readUpgradeRecord, removeUpgradeRecord } from './upgrade-record.ts';

/**
 * Settles what an earlier run began and could not end, as after a power cut: a release that was half copied is removed;
 * one that `current` names already is completed when it works, and taken back when it does not.
 */
export async function settleInterrupted(deps: Changing): Promise<void> {
  const { releases, say } = deps;
  const record = readUpgradeRecord(releases.prefix);
  if (record) {
    const { from, to } = record;
    if (releases.linked('current') === to && releases.isComplete(from)) {
      say(`an upgrade from ${from} to ${to} was interrupted: completing it`);
      try {
        await restartAll(deps, { troubles: new Map(), touched: new Set() });
        releases.point('previous', from);
      } catch (error) {
        say(`version ${to} does not work (${messageOf(error)}): going back to ${from}`);
        releases.point('current', from);
        await restartAll(deps, { troubles: new Map(), touched: new Set() });
      }
    }
    removeUpgradeRecord(releases.prefix);
  }
  for (const left of releases.removeIncomplete()) say(`removed ${left}, which was never whole`);
}
