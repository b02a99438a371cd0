import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../../../install/dev/system/child.ts';
import { findCommand } from '../../../install/dev/system/command.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** A server from a Debian package, on loopback, in a folder that dies with it. */
export async function startOwnServer(
  command: string,
  port: number,
  prepare: (dir: string) => Promise<string[]>,
): Promise<{ pid: number; stop(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), `3cx-relay-bench-${command}-`));
  let output = '';
  const child = await startChild({
    command: (await findCommand(command)) ?? command,
    args: await prepare(dir),
    output: chunk => {
      output = (output + String(chunk)).slice(-4_000);
    },
  });
  process.once('exit', child.kill);
  async function stop(): Promise<void> {
    process.removeListener('exit', child.kill);
    await child.stop({ signal: 'SIGTERM', deadlineMs: 3_000 });
    await rm(dir, { recursive: true, force: true });
  }
  try {
    await waitFor(() => isListening(port), { what: `${command} on ${port}`, timeoutMs: 10_000 });
  } catch (cause) {
    await stop();
    throw new Error(`${command} did not start:\n${output}`, { cause });
  }
  return { pid: child.pid, stop };
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
