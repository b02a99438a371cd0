import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { clientProgram, postgresEnvironment } from './postgres-programs.ts';

const EMPTY_SCHEMA = readFileSync(new URL('./empty-schema.sql', import.meta.url), 'utf8');

/**
 * Puts a dump in the place of everything in the schema, in one transaction: whoever is killed meanwhile has the old
 * rows. Objects belong to the role of the address; the worker gives the other roles their rights when it starts.
 *
 * @throws Error with what PostgreSQL or the programs said
 */
export async function restorePostgres(databaseUrl: string, dump: string): Promise<void> {
  const [reader, writer] = [
    spawn(clientProgram('pg_restore'), ['--no-owner', '--no-privileges', '--file=-', dump], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
    spawn(clientProgram('psql'), ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '--single-transaction', '--file=-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: postgresEnvironment(databaseUrl),
    }),
  ];
  const said = { reader: '', writer: '' };
  reader.stderr.on('data', chunk => {
    said.reader += chunk;
  });
  writer.stderr.on('data', chunk => {
    said.writer += chunk;
  });
  // Whichever ends first breaks the pipe of the other; the exit codes say what happened.
  writer.stdin.on('error', () => reader.kill());
  const ends = Promise.all([exitOf(reader), exitOf(writer)]);
  writer.stdin.write(EMPTY_SCHEMA);
  reader.stdout.pipe(writer.stdin, { end: false });
  // The end of its input commits: psql gets to it only when the whole dump was read.
  void exitOf(reader).then(code => (code === 0 ? writer.stdin.end() : writer.kill('SIGKILL')));
  const [read, written] = await ends;
  if (written !== 0 || read !== 0) {
    const lines = `${said.writer}\n${said.reader}`.split('\n');
    const reason = lines.find(line => /error|fatal/i.test(line)) ?? lines.find(line => line.trim() !== '');
    throw new Error(`PostgreSQL did not take the dump, nothing was changed: ${reason || 'the programs were killed'}`);
  }
}

async function exitOf(child: ReturnType<typeof spawn>): Promise<number | null> {
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  } catch {
    throw new Error('pg_restore and psql are not on this machine: install the package postgresql-client.');
  }
}
