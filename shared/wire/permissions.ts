import type { Channel } from './channels.ts';

export const PERMISSIONS = ['read', 'history', 'write', 'monitor'] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** A key needs one of them to read a channel. Who shows calls has to show, too, when none can come. */
export const CHANNEL_PERMISSIONS: Readonly<Record<Channel, readonly Permission[]>> = {
  calls: ['read'],
  health: ['read', 'monitor'],
  errors: ['monitor'],
  audit: ['monitor'],
  requests: ['monitor'],
};
