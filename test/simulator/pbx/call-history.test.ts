import { expect, test } from 'vitest';
import { CallHistory } from './call-history.ts';
import { createCdrIds } from './cdr-ids.ts';
import { createCdrParties } from './cdr-parties.ts';
import type { CdrSegment } from './cdr-segment.ts';
import { createManualClock } from './clock.ts';
import { createDirectory } from './directory.ts';
import { createRandom } from './random.ts';

test('a segment is handed out once, when it has ended, with the history that its call belongs to by then', () => {
  const clock = createManualClock();
  const handedOut: CdrSegment[] = [];
  const onSegment = (segment: CdrSegment) => void handedOut.push(segment);
  const history = new CallHistory({ clock, newId: createCdrIds(clock), onSegment });
  const parties = createCdrParties(createDirectory(createRandom(1), 4), history);
  const segment = history.open({
    source: parties.person('100'),
    destination: parties.person('101'),
    creationMethod: 'call_init',
  });
  clock.advance(5000);
  expect(handedOut).toEqual([]);
  history.mainId = 'of another call';
  history.close(segment, { reason: 'rejected', details: 'busy', by: segment.destination });
  history.close(segment, { reason: 'no_route', details: 'none' });
  history.closeAll({ reason: 'no_route', details: 'none' });
  expect(handedOut).toMatchObject([
    {
      callHistoryId: history.id,
      mainCallHistoryId: 'of another call',
      terminationReason: 'rejected',
      terminatedByParticipantId: segment.destination.participantId,
      answeredAt: null,
      endedAt: segment.startedAt + 5000,
    },
  ]);
});
