import { describeActiveCalls } from '../public/routes/active-calls.ts';
import { describeCallTimeline } from '../public/routes/call-timeline.ts';
import { describeCalls } from '../public/routes/describe-calls.ts';
import { describeHistory } from '../public/routes/describe-history.ts';
import { describeRecords } from '../public/routes/describe-records.ts';
import { describeDocuments } from '../public/routes/documents.ts';
import { describeEventStream } from '../public/routes/event-stream.ts';
import { describeEvents } from '../public/routes/events.ts';
import { describeHealth } from '../public/routes/health.ts';
import { describeStreams } from '../public/routes/streams.ts';
import { describeTickets } from '../public/routes/tickets.ts';
import type { RouteDescription } from './route-description.ts';

/** Every route of the public API, in the order in which the documents tell them. */
export const ROUTES: readonly RouteDescription[] = [
  describeEvents,
  describeEventStream,
  describeStreams,
  describeActiveCalls,
  describeCallTimeline,
  ...describeCalls,
  ...describeRecords,
  ...describeHistory,
  describeTickets,
  describeHealth,
  ...describeDocuments,
];
