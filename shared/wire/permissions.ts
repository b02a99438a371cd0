import type { Channel } from './channels.ts';

export const PERMISSIONS = ['read', 'history', 'write', 'monitor'] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** What a key needs to read a channel. */
export const CHANNEL_PERMISSION: Readonly<Record<Channel, Permission>> = {
  calls: 'read',
  health: 'monitor',
  errors: 'monitor',
  audit: 'monitor',
  requests: 'monitor',
};
