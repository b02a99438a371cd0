import type { StoredAudit } from '@3cx-relay/shared/wire/history.ts';
import type { HistoryKind } from './history-kind.ts';

export const AUDIT: HistoryKind<StoredAudit> = {
  name: 'audit',
  columns: [
    { name: 'seq', type: 'integer', value: ({ seq }) => seq },
    { name: 'position', type: 'text', value: ({ position }) => position },
    { name: 'at', type: 'time', value: ({ at }) => at },
    { name: 'action', type: 'text', value: ({ action }) => action },
    { name: 'actorKind', type: 'text', value: ({ actor }) => actor.kind },
    { name: 'actorId', type: 'text', value: ({ actor }) => actor.id },
    { name: 'actorName', type: 'text', value: ({ actor }) => actor.name },
    { name: 'address', type: 'text', value: ({ address }) => address },
    { name: 'target', type: 'text', value: ({ target }) => target },
    { name: 'outcome', type: 'text', value: ({ outcome }) => outcome },
    { name: 'details', type: 'json', value: ({ details }) => JSON.stringify(details) ?? null },
    { name: 'salt', type: 'text', value: ({ salt }) => salt },
    { name: 'contentDigest', type: 'text', value: ({ contentDigest }) => contentDigest },
    { name: 'previousHash', type: 'text', value: ({ previousHash }) => previousHash },
    { name: 'hash', type: 'text', value: ({ hash }) => hash },
  ],
  toJson: entry => JSON.stringify(entry),
  cursorOf: ({ seq }) => String(seq),
};
