import type { News } from '@3cx-relay/shared/errors/announce.ts';
import { ErrorWriter } from '@3cx-relay/shared/errors/error-writer.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';

/** Through the durable log: errors of an outage of Redis are in the spool file with everything else. */
export function createIngestErrors(write: (channel: Channel, entry: NewEntry) => void): ErrorWriter {
  return new ErrorWriter({
    service: 'ingest',
    write(entry) {
      write('errors', entry);
      return true;
    },
  });
}

export function spoolUnwritable(error: unknown): News {
  const message =
    'the spool file cannot be written, what waits there would not survive a crash: check SPOOL_DIR and its disk';
  return { component: 'spool', severity: 'critical', message, details: { error } };
}
