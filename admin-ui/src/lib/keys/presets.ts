import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';

/** What keys are mostly made for, with the least that it needs. */
export interface KeyPreset {
  readonly name: string;
  readonly title: string;
  readonly does: string;
  readonly permissions: readonly Permission[];
  /** What the steps after it should not be left without. */
  readonly advice: string | null;
}

export const KEY_PRESETS: readonly KeyPreset[] = [
  {
    name: 'wallboard',
    title: 'Wallboard',
    does: 'Shows the calls of now on a screen.',
    permissions: ['read'],
    advice: 'A screen stands in one place: restrict the key to its address.',
  },
  {
    name: 'crm',
    title: 'CRM screen-pop',
    does: 'Opens the caller’s record while it rings, and finds earlier calls.',
    permissions: ['read', 'history'],
    advice: 'A CRM for one team needs that team’s extensions and no others.',
  },
  {
    name: 'control',
    title: 'Call control',
    does: 'Click to call, transfer and hang up from another program.',
    permissions: ['read', 'write'],
    advice: 'This key can make calls that cost money: restrict its extensions and addresses.',
  },
  {
    name: 'archive',
    title: 'Archiver',
    does: 'Copies every event and every past call elsewhere.',
    permissions: ['read', 'history'],
    advice: null,
  },
  {
    name: 'monitoring',
    title: 'Monitoring',
    does: 'Watches health and errors. Gets no calls, but reads in the audit who did what, and whom commands called.',
    permissions: ['monitor'],
    advice: null,
  },
  {
    name: 'custom',
    title: 'Something else',
    does: 'You choose each permission.',
    permissions: [],
    advice: null,
  },
];
