import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of PEM files. */
export type Certificate = { readonly ca: string; readonly cert: string; readonly key: string };

/** For one name and no address, as managed services have them, signed by an authority that nobody knows yet. */
export function createCertificate(dir: string, name: string): Certificate {
  const path = (file: string) => join(dir, file);
  const pair = (key: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    path(key),
  ];
  run('req', '-x509', ...pair('ca.key'), '-days', '2', '-subj', '/CN=authority of the test', '-out', path('ca.pem'));
  run('req', ...pair('server.key'), '-subj', `/CN=${name}`, '-out', path('server.csr'));
  writeFileSync(path('names.cnf'), `subjectAltName=DNS:${name}\n`);
  const signer = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2'];
  run('x509', '-req', '-in', path('server.csr'), ...signer, '-extfile', path('names.cnf'), '-out', path('server.pem'));
  return { ca: path('ca.pem'), cert: path('server.pem'), key: path('server.key') };
}

function run(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}
