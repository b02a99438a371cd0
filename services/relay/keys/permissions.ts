/** What an API key may do; a closed set, so that a typing error in a key is refused and not silently powerless. */
export const PERMISSIONS = ['read', 'history', 'write', 'monitor'] as const;

export type Permission = (typeof PERMISSIONS)[number];

export function isPermission(name: string): name is Permission {
  return (PERMISSIONS as readonly string[]).includes(name);
}
