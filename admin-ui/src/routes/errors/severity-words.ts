import type { ErrorGroupAnswer } from '@3cx-relay/shared/wire/admin/errors.ts';
import type { Tone } from '../../lib/format/words.ts';

/** The worst first. */
export const SEVERITY_WORDS: Readonly<Record<ErrorGroupAnswer['severity'], { word: string; tone: Tone }>> = {
  critical: { word: 'Critical', tone: 'bad' },
  error: { word: 'Error', tone: 'bad' },
  warning: { word: 'Warning', tone: 'warn' },
  info: { word: 'Info', tone: 'calm' },
};
