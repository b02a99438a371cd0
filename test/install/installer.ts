import { PACKAGES } from './machine.ts';
import { ROOT } from './offline-folder.ts';

/** The installer as the tests run it, on a machine that sees the offline folder and the packages of its distribution. */
export const FIRST = '1.0.0';
export const PASSWORD = 'correct horse battery staple';
const PBX = 'PBX_URL=http://127.0.0.1:5001 CLIENT_ID=relay CLIENT_SECRET=a-secret-of-the-pbx';
export const INSTALL = `env ${PBX} ADMIN_PASSWORD='${PASSWORD}' sh /offline/install.sh --offline /offline --non-interactive`;

export function mountsOf(offlineFolder: string): Record<string, string> {
  return { '/offline': offlineFolder, '/offline/packages': PACKAGES, '/checkout': ROOT };
}
