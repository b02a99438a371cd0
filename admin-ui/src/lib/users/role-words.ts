import type { AdminRole } from '@3cx-relay/shared/wire/admin/session.ts';

export const ROLES: readonly { readonly value: AdminRole; readonly label: string; readonly may: string }[] = [
  { value: 'viewer', label: 'Viewer', may: 'Sees all but users, and changes nothing except the own account.' },
  { value: 'admin', label: 'Admin', may: 'Sees everything, and changes keys, connections, users and all the rest.' },
];

export function roleOf(role: AdminRole): { readonly label: string; readonly may: string } {
  return ROLES.find(({ value }) => value === role) ?? { label: role, may: '' };
}
