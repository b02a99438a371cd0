import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { databaseUrl, redisUrl } from '../../harness/infra-access.ts';
import type { SeedOrder, SeedPlayed } from './play-seed.ts';
import type { FromPlayer, ToPlayer } from './player-process.ts';

const PROGRAM = fileURLToPath(new URL('player-process.ts', import.meta.url));

/** Stories are played by several processes, for one of them uses no more than one processor. */
export type Players = {
  /** Rejects when the process that plays it ends. */
  play(order: SeedOrder): Promise<SeedPlayed>;
  stop(): void;
};

export function startPlayers(count: number): Players {
  const players = Array.from({ length: count }, startPlayer);
  let next = 0;
  return {
    play(order) {
      next += 1;
      const player = players[next % count] as Player;
      return player.play(order);
    },
    stop() {
      for (const player of players) player.process.kill('SIGKILL');
    },
  };
}

type Player = { process: ChildProcess; play(order: SeedOrder): Promise<SeedPlayed> };

function startPlayer(): Player {
  const servers = { redisUrl: redisUrl(), databaseUrl: databaseUrl() };
  const child = fork(PROGRAM);
  const waiting = new Map<number, PromiseWithResolvers<SeedPlayed>>();
  let sent = 0;
  child.on('message', ({ number, ...played }: FromPlayer) => {
    waiting.get(number)?.resolve(played);
    waiting.delete(number);
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`a player ended with ${signal ?? code}`));
  });
  return {
    process: child,
    play(order) {
      sent += 1;
      const played = Promise.withResolvers<SeedPlayed>();
      waiting.set(sent, played);
      child.send({ number: sent, servers, order } satisfies ToPlayer);
      return played.promise;
    },
  };
}
