import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../harness/wait-for.ts';

/**
 * A server to install on: a container with systemd as its first process, made from a clean Debian. Nothing of it is
 * shared with this machine but its kernel, and the units apply there as they are.
 */
export interface Machine {
  readonly address: string;
  /** Runs a shell command to its end. Rejects with its output when it fails. */
  run(command: string): Promise<string>;
  /** Also when it fails. */
  attempt(command: string): Promise<{ code: number; output: string }>;
  /** Asks the simulated PBX, which is on the machine. */
  sim<Answer>(path: string): Promise<Answer>;
  /** `onOutput` hears everything so far; resolves with the exit code. */
  follow(command: string, onOutput: (output: string) => void): Promise<number>;
  remove(): void;
}

/** The Debian that is installed on, by the name of its suite. */
const DEBIANS: Readonly<Record<string, number>> = { bookworm: 12, trixie: 13 };
const SUITE = process.env.INSTALL_SUITE || 'bookworm';
const IMAGE = `3cx-relay-test/debian:${DEBIANS[SUITE]}`;
const CACHE = fileURLToPath(new URL(`../../.data/install-test/${SUITE}`, import.meta.url));
export const PACKAGES = join(CACHE, 'packages');
const BUILD_MS = 900_000;
const BOOT_MS = 60_000;
/** To take a container away that has written much is more than a moment. */
const ENGINE_MS = 300_000;

/** Mounts of a unit are seen by the others, as on every machine: systemd hands over credentials that way. */
const MOUNT = 'mount --make-rshared /';
/** From 256 on systemd wants to be told that it may run where this machine's control groups are of the first version. */
const SYSTEMD = '/lib/systemd/systemd SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1';
const BOOT = `${MOUNT} && exec ${SYSTEMD}`;
/**
 * `--privileged` is refused where the engine itself has not all rights. SYS_PTRACE: without it systemd does not see the
 * processes that it gives a user namespace and a /proc of their own.
 */
const RIGHTS = ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE'].flatMap(right => ['--cap-add', right]);
const UNCONFINED = ['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'];

/** Why no machine can be made here; null when one can. */
export function whyNoMachines(): string | null {
  if (!(SUITE in DEBIANS)) throw new Error(`INSTALL_SUITE is one of ${Object.keys(DEBIANS).join(', ')}, not ${SUITE}`);
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it wants root on Linux';
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore', timeout: 20_000 });
  } catch {
    return 'no Docker engine answers (apt-get install docker.io, then dockerd)';
  }
  if (hasImage() || existsSync('/usr/sbin/debootstrap')) return null;
  return 'debootstrap is missing (apt-get install debootstrap)';
}

/** Once for a machine: some minutes. */
export function prepareImage(): void {
  if (hasImage() && existsSync(PACKAGES)) return;
  mkdirSync(CACHE, { recursive: true });
  const script = fileURLToPath(new URL('build-root.sh', import.meta.url));
  execFileSync('sh', [script, CACHE, IMAGE, SUITE], { stdio: 'inherit', timeout: BUILD_MS });
}

function hasImage(): boolean {
  return execFileSync('docker', ['images', '--quiet', IMAGE], { encoding: 'utf8' }).trim() !== '';
}

/** `folders` of this machine, seen there under the given names and not to be written. */
export async function startMachine(folders: Readonly<Record<string, string>>): Promise<Machine> {
  const name = `3cx-relay-test-${randomBytes(4).toString('hex')}`;
  const mounts = Object.entries(folders).flatMap(([inside, outside]) => ['-v', `${outside}:${inside}:ro`]);
  docker([
    ...['run', '--detach', '--name', name, '--cgroupns=host', '-v', '/sys/fs/cgroup:/sys/fs/cgroup:rw'],
    ...['--tmpfs', '/run', '--tmpfs', '/run/lock', ...RIGHTS, ...UNCONFINED, ...mounts, IMAGE, 'sh', '-c', BOOT],
  ]);
  const remove = () => void docker(['rm', '--force', '--volumes', name]);
  const attempt: Machine['attempt'] = command =>
    new Promise(resolve => {
      const args = ['exec', name, 'sh', '-c', command];
      execFile('docker', args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` }),
      );
    });
  const machine: Machine = {
    address: docker(['inspect', '--format', '{{.NetworkSettings.IPAddress}}', name]),
    attempt,
    async run(command) {
      const { code, output } = await attempt(command);
      if (code !== 0) throw new Error(`exit code ${code} of ${command}\n${output}`);
      return output;
    },
    async sim(path) {
      return JSON.parse(await machine.run(`curl -fs 'http://127.0.0.1:5001${path}'`));
    },
    follow(command, onOutput) {
      const child = spawn('docker', ['exec', name, 'sh', '-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.on('data', chunk => {
        output += chunk;
        onOutput(output);
      });
      return new Promise(resolve => child.once('close', code => resolve(code ?? 1)));
    },
    remove,
  };
  try {
    await waitFor(async () => (await attempt('systemctl is-system-running --wait')).output.trim() === 'running', {
      what: 'systemd to have started',
      timeoutMs: BOOT_MS,
      everyMs: 500,
    });
  } catch (error) {
    remove();
    throw error;
  }
  return machine;
}

function docker(args: readonly string[]): string {
  return execFileSync('docker', args, { encoding: 'utf8', timeout: ENGINE_MS }).trim();
}
