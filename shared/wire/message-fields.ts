import { z } from 'zod';
import { CHANNELS } from './channels.ts';

/** What many messages hold. The texts are read by people: they go into the published documents. */
export const position = z
  .string()
  .max(64)
  .meta({
    id: 'Position',
    description:
      'A place in one channel, just behind one entry. Opaque: keep it, send it back, compare it as text with another of the same channel.',
    examples: ['m5k2h7qa_0000000000001042'],
  });

export const time = z.iso.datetime().meta({
  id: 'Time',
  description: 'ISO 8601, UTC, milliseconds.',
  examples: ['2026-03-02T09:14:07.201Z'],
});

export const channelName = z.enum(CHANNELS).meta({ id: 'Channel', description: 'One log, in one order.' });

/** What every entry of the log begins with. */
export const entryFields = {
  id: position.describe('Position of this entry. Keep that of the last message dealt with: it is all a resume needs.'),
  at: time.describe('When it happened.'),
};
