import type { CdrSegment } from '../pbx/cdr-segment.ts';
import type { Clock } from '../pbx/clock.ts';
import type { Directory } from '../pbx/directory.ts';
import type { Random } from '../pbx/random.ts';
import { createPbxDatabase, type PbxDatabase, type PbxDatabaseOptions } from './pbx-database.ts';
import { type Lateness, SegmentLog } from './segment-log.ts';

type RecordsDeps = {
  clock: Clock;
  random: Random;
  directory: Directory;
  warn: (message: string) => void;
  /** Undefined: XAPI's call log is all there is. */
  database: PbxDatabaseOptions | undefined;
  lateness: Partial<Lateness>;
};

/** Where the segments of calls go: the log that XAPI reads, and the database when there is a server for it. */
export type Records = {
  readonly segments: SegmentLog;
  readonly database: PbxDatabase | null;
  add(segment: CdrSegment): void;
  stop(): Promise<void>;
};

export function createRecords({ clock, random, directory, warn, database: options, lateness }: RecordsDeps): Records {
  const people = [...directory.extensions.values()].map(({ dn, name }, index) => ({ id: index + 1, dn, name }));
  const parameters = { FQDN: 'pbx.invalid', WEB_ROOT_LOCAL: 'http://127.0.0.1:5000' };
  const database = options ? createPbxDatabase(options, { clock, warn, people, parameters }) : null;
  const segments = new SegmentLog({ clock, random, onBooked: booked => database?.add(booked) }, lateness);
  return {
    segments,
    database,
    add: segment => segments.add(segment),
    stop: async () => database?.stop(),
  };
}
