import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fail, formatDuration, say } from '../../install/dev/terminal.js';
import { formatSummary } from './report/format-summary.ts';
import { readReports } from './report/read-reports.ts';
import { fileOf, ROWS } from './rows.ts';

/**
 * `npm run bench`: every row beside its peers, one after the other, each in a process of its own, then one table.
 * `npm run bench -- P1 P5` runs these; `-- curves`, `-- soak` the long ones; `--quick` is the short version of any;
 * `--runs`, `--seconds`, `--slow-down json-parse` and `--cpu-prof` (of the relay) are passed on to each row, and to `curves` and `soak` what they take.
 * A row that is slow fails nothing. One that breaks is named, the others are run all the same, and the exit code is 1.
 */
const QUICK_LEAVES_OUT: readonly string[] = ['P10'];
const { values, positionals, tokens } = parseArgs({
  allowPositionals: true,
  strict: false,
  tokens: true,
  options: {
    quick: { type: 'boolean' },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    'slow-down': { type: 'string' },
    'cpu-prof': { type: 'boolean' },
    clients: { type: 'string' },
    rates: { type: 'string' },
    log: { type: 'string' },
    history: { type: 'string' },
  },
});
const known = new Set(['quick', 'runs', 'seconds', 'slow-down', 'cpu-prof', 'clients', 'rates', 'log', 'history']);
const unknown = tokens.flatMap(token => (token.kind === 'option' && !known.has(token.name) ? [token.rawName] : []));
const wanted =
  positionals.length > 0
    ? positionals
    : Object.keys(ROWS).filter(name => !(values.quick && QUICK_LEAVES_OUT.includes(name)));
const wrong = [...unknown, ...wanted.filter(name => fileOf(name) === undefined)];
if (wrong.length > 0) {
  fail(`not known: ${wrong.join(', ')}. Rows are ${Object.keys(ROWS).join(', ')}, curves and soak.`, process.stderr);
  process.exit(2);
}

const passedOn = tokens.flatMap(token =>
  token.kind === 'option' ? [token.rawName, ...(token.value ? [token.value] : [])] : [],
);
const startedAt = Date.now();
const broken: string[] = [];
for (const name of wanted) {
  const file = fileOf(name);
  if (file && (await runProgram(file)) !== 0) broken.push(name);
}

const { 'slow-down': slowDown } = values;
const reports = await readReports(wanted, {
  since: startedAt,
  slowDown: typeof slowDown === 'string' ? slowDown : undefined,
});
say(formatSummary(reports));
for (const name of broken) fail(`${name} broke, see above`);
say(`${reports.length} of ${wanted.length} rows in ${formatDuration(Date.now() - startedAt)}`);
process.exitCode = broken.length > 0 ? 1 : 0;

function runProgram(file: string): Promise<number> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...passedOn], { stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  process.once('SIGINT', pass).once('SIGTERM', pass);
  return new Promise(resolve => {
    child.once('exit', code => {
      process.off('SIGINT', pass).off('SIGTERM', pass);
      resolve(code ?? 1);
    });
  });
}
