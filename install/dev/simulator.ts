import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { OperatorError } from './operator-error.js';
import { readEnvironment, readPort } from './stack/environment.ts';
import { readLogLine } from './stack/service-log.ts';
import { listenForStop } from './stack/signals.ts';
import { startChild } from './system/child.ts';
import { probePort } from './system/ports.ts';
import { fail, paint, say, surviveClosedTerminal } from './terminal.js';

/** `npm run simulator`: the PBX simulator alone, in the foreground, on a port that one can remember. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const defaultPort = 5001;
const stopDeadlineMs = 10_000;
surviveClosedTerminal();

try {
  await run();
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  fail(error.message);
  process.exitCode = error.exitCode;
}
process.exit();

async function run(): Promise<void> {
  const environment = readEnvironment(root, process.env);
  const port = readPort(environment, { key: 'SIM_PORT', fallback: defaultPort });
  if ((await probePort(port)) !== 'free') {
    throw new OperatorError(
      `Port ${port} on 127.0.0.1 is in use; choose another: SIM_PORT=${port + 1} npm run simulator`,
    );
  }
  const clientId = environment.SIM_CLIENT_ID ?? 'relay';
  const clientSecret = environment.SIM_CLIENT_SECRET ?? randomBytes(12).toString('base64url');
  const child = await startChild({
    command: process.execPath,
    args: ['test/simulator/main.ts'],
    cwd: root,
    env: { ...environment, SIM_PORT: String(port), SIM_CLIENT_ID: clientId, SIM_CLIENT_SECRET: clientSecret },
    output: chunk => {
      for (const line of chunk.toString().split('\n')) {
        const problem = readLogLine(line);
        if (problem !== undefined) say(`  ${paint('yellow', '!')} ${problem.text}`);
      }
    },
  });
  const stopRequested = listenForStop(() => {
    child.kill();
    process.exit(130);
  });
  const ended = child.exited.then(exit => exit);
  printHelp({ url: `http://127.0.0.1:${port}`, clientId, clientSecret });
  const stopped = new Promise<undefined>(resolve => stopRequested.addEventListener('abort', () => resolve(undefined)));
  const exit = await Promise.race([ended, stopped]);
  if (exit !== undefined) throw new OperatorError(`The simulator ended (${exit.signal ?? `exit code ${exit.code}`}).`);
  await child.stop({ signal: 'SIGTERM', deadlineMs: stopDeadlineMs });
  say('  stopped');
}

function printHelp({ url, clientId, clientSecret }: { url: string; clientId: string; clientSecret: string }): void {
  const json = "-H 'content-type: application/json'";
  say();
  say(`  ${paint('bold', 'PBX simulator')}  ${paint('cyan', url)}`);
  say(`  ${paint('dim', 'client id / secret')}  ${clientId} / ${clientSecret}`);
  say();
  say(
    `  curl -s ${url}/connect/token -d grant_type=client_credentials -d client_id=${clientId} -d client_secret=${clientSecret}`,
  );
  say(`  curl -s ${url}/sim/traffic ${json} -d '{"callsPerMinute":60}'`);
  say(`  curl -s ${url}/sim/calls ${json} -d '{"scenario":"inbound"}'`);
  say(`  curl -s '${url}/sim/frames?after=0&limit=10'`);
  say();
  say(`  ${paint('dim', 'Ctrl-C stops it.')}`);
}
