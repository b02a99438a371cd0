import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { Block } from './block.ts';
import { createHub } from './hub.ts';
import type { LiveClient } from './live-client.ts';
import type { Subscription } from './subscription.ts';

const hub = createHub({ heartbeatMs: 60_000 });
const block = {} as Block;
const joined: LiveClient[] = [];

afterEach(() => {
  for (const client of joined.splice(0)) hub.remove(client);
});

function client(...channels: Channel[]) {
  const handed: Channel[] = [];
  const onBlock = (channel: Channel) => ({ onBlock: () => void handed.push(channel) }) as unknown as Subscription;
  const subscriptions = new Map(channels.map(channel => [channel, onBlock(channel)]));
  const live = { subscriptions } as unknown as LiveClient;
  return { live, subscriptions, handed };
}

function join(...channels: Channel[]) {
  const made = client(...channels);
  hub.add(made.live, {} as never);
  joined.push(made.live);
  for (const channel of channels) hub.follow(made.live, channel);
  return made;
}

afterAll(() => hub.stop());

test('a block goes to those who follow its channel', () => {
  const [both, one] = [join('calls', 'health'), join('health')];
  hub.onBlock('calls', block);
  hub.onBlock('health', block);
  expect([both.handed, one.handed]).toEqual([['calls', 'health'], ['health']]);
});

test('who unsubscribed gets nothing, and again when he comes back', () => {
  const { live, subscriptions, handed } = join('calls');
  const [subscription] = subscriptions.values();
  subscriptions.delete('calls');
  hub.onBlock('calls', block);
  expect(handed).toEqual([]);
  if (subscription) subscriptions.set('calls', subscription);
  hub.follow(live, 'calls');
  hub.onBlock('calls', block);
  expect(handed).toEqual(['calls']);
});

test('who has left is forgotten, also when he asks for a channel as he goes', () => {
  const [gone, late] = [join('calls'), client('calls')];
  hub.remove(gone.live);
  hub.follow(late.live, 'calls');
  hub.onBlock('calls', block);
  expect([gone.handed, late.handed]).toEqual([[], []]);
});
