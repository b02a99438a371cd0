import { parseEnvironment, unknownKeys } from './environment.ts';
import { createSimulator } from './simulator.ts';

const say = (line: Record<string, unknown>): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

try {
  const simulator = await createSimulator({
    ...parseEnvironment(process.env),
    onWarning: msg => say({ level: 'warn', msg }),
  });
  let isStopping = false;
  const stop = async (signal: string): Promise<void> => {
    // A second signal means that somebody does not want to wait.
    if (isStopping) process.exit(1);
    isStopping = true;
    await simulator.stop();
    say({ msg: 'simulator stopped', signal });
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  for (const key of unknownKeys(process.env)) process.stderr.write(`${key} is not a setting of the simulator.\n`);
  say({ msg: 'simulator listening', url: simulator.url });
} catch (error) {
  say({ msg: 'simulator could not start', error: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
