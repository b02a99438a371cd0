import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';

/** What a permission lets somebody do, for people who decide about it. */
export const PERMISSION_WORDS: Readonly<Record<Permission, { title: string; does: string }>> = {
  read: {
    title: 'Read calls',
    does: 'Active calls and every call event, live and replayed: WebSocket, event stream, pages.',
  },
  history: { title: 'Read history', does: 'Past calls, call records and exports.' },
  write: { title: 'Control calls', does: 'Make, answer, divert, transfer and end calls at the phone system.' },
  monitor: { title: 'Monitor', does: 'Health samples, errors, the audit log and the log of requests.' },
};
