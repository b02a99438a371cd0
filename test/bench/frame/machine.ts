import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { runCommand } from '../../../install/dev/system/command.ts';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly system: string;
  readonly kernel: string;
  /** Over one minute: before the row began, and when it ended. Above the cores, others disturbed it. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly versions: Readonly<Record<string, string>>;
}

const PROGRAMS: Readonly<Record<string, { command: string; argument: string }>> = {
  redis: { command: 'redis-server', argument: '--version' },
  nats: { command: 'nats-server', argument: '--version' },
  nginx: { command: 'nginx', argument: '-v' },
};
const PACKAGES = ['ws', 'ioredis', 'socket.io', '@socket.io/redis-streams-adapter'];

export function loadNow(): number {
  return Number((loadavg()[0] ?? 0).toFixed(2));
}

export async function describeMachine(loadBefore: number): Promise<Machine> {
  const [first] = cpus();
  const os = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return {
    cores: cpus().length,
    processor: first?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: /^PRETTY_NAME="(.*)"$/m.exec(os)?.[1] ?? process.platform,
    kernel: release(),
    loadBefore,
    loadAfter: loadNow(),
    versions: { node: process.version, ...(await packageVersions()), ...(await programVersions()) },
  };
}

async function packageVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of PACKAGES) {
    const file = new URL(`../../../node_modules/${name}/package.json`, import.meta.url);
    const text = await readFile(file, 'utf8').catch(() => '{}');
    versions[name] = (JSON.parse(text) as { version?: string }).version ?? 'absent';
  }
  return versions;
}

async function programVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const [name, { command, argument }] of Object.entries(PROGRAMS)) {
    const { output } = await runCommand(command, [argument], { timeoutMs: 5_000 });
    versions[name] = /\d+\.\d+(\.\d+)?/.exec(output)?.[0] ?? 'absent';
  }
  return versions;
}
