import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { partsOf, readPart } from './bundle/collect.ts';
import { readKnown } from './bundle/known-values.ts';
import { createMask } from './bundle/mask.ts';
import { openContext } from './doctor/context.ts';
import { parseOptions } from './options.ts';
import { formatBytes, formatTable } from './print.ts';
import type { Settings } from './settings.ts';
import { reasonOf, runProgram } from './system.ts';
import { UsageError } from './usage-error.ts';

export const SUPPORT_BUNDLE_USAGE = `usage: 3cx-relay support-bundle [--out FILE]

  One file for whoever helps: versions, doctor, status, settings, the last 2,000 lines of each unit, metrics, queues,
  schema, slow statements. Secrets, keys, telephone numbers, names and addresses are masked in it, as far as they can be
  recognised; look into it before you send it (tar -xzf FILE).

  --out FILE   default: 3cx-relay-support-<time>.tar.gz in this folder
`;

const TAR_TIMEOUT_MS = 60_000;

/** Resolves with the exit code. */
export async function supportBundle(args: readonly string[], settings: Settings): Promise<number> {
  const { values, positionals } = parseOptions(args, { out: { type: 'string' } });
  if (values.help) {
    process.stdout.write(SUPPORT_BUNDLE_USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}": --out names the file.`);
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const out = resolve(process.env.INIT_CWD ?? '.', values.out ?? `3cx-relay-support-${time}.tar.gz`);
  const files = await write(settings, out);
  const rows = files.map(({ name, bytes }) => [`  ${name}`, formatBytes(bytes)]);
  process.stdout.write(formatTable([out, ''], rows));
  return 0;
}

async function write(settings: Settings, out: string): Promise<{ name: string; bytes: number }[]> {
  await mkdir(dirname(out), { recursive: true });
  const folder = await mkdtemp(join(dirname(out), '.support-'));
  const context = openContext(settings);
  try {
    const mask = createMask(await readKnown(settings, context));
    const parts = partsOf(settings, context, mask);
    const files = await Promise.all(
      parts.map(async part => {
        const text = await readPart(part);
        await writeFile(join(folder, part[0]), text, { mode: 0o600 });
        return { name: part[0], bytes: Buffer.byteLength(text) };
      }),
    );
    const draft = join(folder, '.packed');
    const names = files.map(({ name }) => name);
    const packed = await runProgram('tar', ['-C', folder, '-czf', draft, ...names], { timeoutMs: TAR_TIMEOUT_MS });
    if (packed.code !== 0) throw new Error(`The bundle could not be written: ${reasonOf(packed)}`);
    await chmod(draft, 0o600);
    await rename(draft, out);
    return files;
  } finally {
    await Promise.all([context.stop(), rm(folder, { recursive: true, force: true })]);
  }
}
