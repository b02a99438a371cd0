import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { findCommand, runCommand } from '../system/command.ts';
import { announce } from '../terminal.js';

/**
 * Installs a server package without letting it start its service. Debian asks /usr/sbin/policy-rc.d before it starts
 * anything, so a policy that says no stands there for the length of this one run. Masking the unit instead would
 * outlive the run and surprise whoever wants the service later.
 */
const policyPath = '/usr/sbin/policy-rc.d';
const asidePath = '/usr/sbin/policy-rc.d.before-3cx-relay';
const ourPolicy = '#!/bin/sh\n# Stands here only while 3cx-relay installs a package; safe to delete.\nexit 101\n';

const aptOptions = ['-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0'];
const aptEnvironment = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l', LC_ALL: 'C.UTF-8' };
const aptDeadlineMs = 300_000;

export async function canUseApt(): Promise<boolean> {
  return process.getuid?.() === 0 && (await findCommand('apt-get')) !== undefined;
}

/** Returns undefined on success, otherwise what the package manager said last. */
export async function aptInstall(names: readonly string[]): Promise<string | undefined> {
  let name = await firstKnownPackage(names);
  if (name === undefined) {
    await refreshPackageLists();
    name = await firstKnownPackage(names);
  }
  if (name === undefined) return `no package source offers ${names.join(' or ')}`;

  announce(`installing ${name} with apt (its service is not started)`);
  const restorePolicy = await denyServiceStarts();
  try {
    let result = await apt(['install', '-y', '--no-install-recommends', name]);
    if (result.code !== 0) {
      // Package lists age: a version they name may have left the archive.
      await refreshPackageLists();
      result = await apt(['install', '-y', '--no-install-recommends', name]);
    }
    if (result.code !== 0) return lastLine(result.output);
    await keepFromStartingAtBoot(name);
    return undefined;
  } finally {
    await restorePolicy();
  }
}

function apt(args: readonly string[]): ReturnType<typeof runCommand> {
  return runCommand('apt-get', [...aptOptions, ...args], { env: aptEnvironment, timeoutMs: aptDeadlineMs });
}

async function refreshPackageLists(): Promise<void> {
  announce('refreshing the package lists with apt');
  await apt(['update']);
}

async function firstKnownPackage(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const { output } = await runCommand('apt-cache', ['policy', name], { env: aptEnvironment, timeoutMs: 30_000 });
    if (/Candidate: (?!\(none\))\S/.test(output)) return name;
  }
  return undefined;
}

async function denyServiceStarts(): Promise<() => Promise<void>> {
  const present = await readFile(policyPath, 'utf8').catch(() => undefined);
  if (present === ourPolicy) {
    // A run that was killed left it here; what stood before it waits beside it.
    return restore;
  }
  if (present !== undefined) {
    const { code } = await runCommand(policyPath, ['redis-server', 'start'], { timeoutMs: 5_000 });
    if (code === 101) return async () => {};
    await rename(policyPath, asidePath);
  }
  await writeFile(policyPath, ourPolicy);
  await chmod(policyPath, 0o755);
  return restore;
}

async function restore(): Promise<void> {
  await rm(policyPath, { force: true });
  await rename(asidePath, policyPath).catch(() => {});
}

/** The package enables its unit; a server that nobody asked for would then start with the machine. */
async function keepFromStartingAtBoot(name: string): Promise<void> {
  if ((await findCommand('systemctl')) === undefined) return;
  await runCommand('systemctl', ['disable', `${name}.service`], { timeoutMs: 30_000 });
}

function lastLine(output: string): string {
  const lines = output.trim().split('\n');
  return lines.findLast(line => line.startsWith('E:')) ?? lines.at(-1) ?? 'no output';
}
