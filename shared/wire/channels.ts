export const CHANNELS = ['calls', 'health', 'errors', 'audit', 'requests'] as const;

export type Channel = (typeof CHANNELS)[number];

export function isChannel(name: string): name is Channel {
  return (CHANNELS as readonly string[]).includes(name);
}
