import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Row, toTable } from './row.ts';

/**
 * `npm run chaos [-- [--quick] [R1 R4 jitter soak …]]`: each fault by itself, one after the other, then one table. Ends with
 * 1 when something is missing or doubled that no gap announces. Without names all but the soak are played, in a good
 * hour; `--quick` plays each for seconds. The rows stand in .data/chaos, too.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const results = join(root, '.data', 'chaos');
const SOAK = 'soak';

const args = process.argv.slice(2);
const isQuick = args.includes('--quick');
const names = args.filter(arg => arg !== '--quick').map(name => name.toLowerCase());

/** A file is named after what it plays: `r02-r09-….test.ts` is of R2 and of R9. */
async function filesOf(): Promise<string[]> {
  const found = await readdir(join(root, 'test/chaos'), { recursive: true });
  const files = found.filter(file => file.endsWith('.test.ts')).sort();
  if (names.length === 0) return files.filter(file => !file.includes(SOAK));
  const labels = names.map(name => name.replace(/^r(\d)$/, 'r0$1'));
  const unknown = labels.find(label => !files.some(file => isOf(file, label)));
  if (unknown !== undefined) throw new Error(`no fault is called "${unknown}"; known are ${files.join(', ')}`);
  return files.filter(file => labels.some(label => isOf(file, label)));
}

function isOf(file: string, label: string): boolean {
  return file.replace(/^.*\//, '').split(/[-.]/).includes(label);
}

async function readRows(): Promise<Row[]> {
  const files = (await readdir(results)).filter(file => file.endsWith('.json')).sort();
  return Promise.all(files.map(async file => JSON.parse(await readFile(join(results, file), 'utf8')) as Row));
}

/** By their names the model test and the malformed input are played to the last case. */
const TO_THE_LAST_CASE: Readonly<Record<string, NodeJS.ProcessEnv>> = {
  r6: { MODEL_SECONDS: '28800' },
  r7: { FUZZ_CASES: '550000' },
};

const files = await filesOf();
const env = {
  ...(isQuick ? {} : Object.assign({}, ...names.map(name => TO_THE_LAST_CASE[name]))),
  ...process.env,
  ...{ CHAOS: isQuick ? 'quick' : 'full', CHAOS_RESULTS: results },
};
await rm(results, { recursive: true, force: true });
await mkdir(results, { recursive: true });

/** In a run of its own: what it complains of stands right behind it, and nothing of the one before is left over. */
async function play(file: string): Promise<boolean> {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts'];
  const runner = spawn(process.execPath, [...vitest, `test/chaos/${file}`], { cwd: root, stdio: 'inherit', env });
  const [code] = (await once(runner, 'exit')) as [number | null];
  return code === 0;
}

const failed: string[] = [];
for (const file of files) if (!(await play(file))) failed.push(file);
const rows = await readRows();
console.log(`\n${toTable(rows)}\n`);
const isWhole = rows.every(({ missing, duplicated, isOfPeer }) => isOfPeer || (missing === 0 && duplicated === 0));
if (failed.length > 0) console.log(`✗ not everything held in ${failed.join(', ')}: see there, above`);
process.exitCode = failed.length === 0 && isWhole ? 0 : 1;
