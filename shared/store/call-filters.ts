import { DIRECTIONS, DISPOSITIONS } from '../wire/call.ts';

const UNKNOWN = 'unknown';
export const ALL_DIRECTIONS = [...DIRECTIONS, UNKNOWN] as const;
export const ALL_DISPOSITIONS = [...DISPOSITIONS, UNKNOWN] as const;

/** Where a call stands in the list: by the time it was first seen (Unix ms), then by its id. */
export interface CallKey {
  readonly at: number;
  readonly callId: string;
}

/** Within one list any member will do, and every list that is given must be met; an empty one meets nothing. */
export interface CallFilters {
  /** First seen then or later … */
  readonly from?: Date | undefined;
  /** … and then or earlier. */
  readonly to?: Date | undefined;
  /** Extensions, queues and ring groups that took part. */
  readonly dns?: readonly string[] | undefined;
  /** Of caller, callee or DID, in any spelling that has the same digits. */
  readonly numbers?: readonly string[] | undefined;
  /** Queues and ring groups that a call came through. */
  readonly queues?: readonly string[] | undefined;
  readonly callIds?: readonly string[] | undefined;
  readonly directions?: readonly (typeof ALL_DIRECTIONS)[number][] | undefined;
  /** `unknown`: it is not over, or nobody watched its end. */
  readonly dispositions?: readonly (typeof ALL_DISPOSITIONS)[number][] | undefined;
  /** What the reader may see: one of these took part. */
  readonly scopeDns?: readonly string[] | undefined;
}
