import { execFileSync } from 'node:child_process';

/** Paths of PEM files. */
export type CertificateFiles = { readonly key: string; readonly cert: string };

/** Signed by itself, for one name and no address, as those of managed services are. */
export function createCertificate({ key, cert }: CertificateFiles, name: string): void {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' });
}
