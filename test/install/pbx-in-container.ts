import { connect, createServer } from 'node:net';
import { parseEnvironment } from '../simulator/environment.ts';
import { createSimulator } from '../simulator/simulator.ts';

/**
 * The simulated PBX for containers beside it: the simulator serves loopback alone, whose other end is here the container
 * itself, so that its port is passed on by one that the others reach.
 */
const PORT = 5001;

const simulator = await createSimulator(parseEnvironment(process.env));
const server = createServer(outer => {
  const inner = connect(simulator.port, '127.0.0.1');
  outer.on('error', () => inner.destroy()).on('close', () => inner.destroy());
  inner.on('error', () => outer.destroy()).on('close', () => outer.destroy());
  outer.pipe(inner).pipe(outer);
});
server.listen(PORT, '0.0.0.0');
process.once('SIGTERM', () => process.exit(0));
