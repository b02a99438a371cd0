import { OperatorError } from '../operator-error.js';
import { runCommand } from '../system/command.ts';
import type { Environment } from './environment.ts';
import type { SecretStore } from './secrets.ts';

/** The first admin and the first API key, made by the same commands an operator uses. */
export type Credentials = { apiKey: string | null; admin: { username: string; password: string } | null };

const username = 'admin';
const alreadyThere = 3;
const deadlineMs = 30_000;

export async function createCredentials(request: {
  root: string;
  environment: Environment;
  secrets: SecretStore;
}): Promise<Credentials> {
  const [admin, apiKey] = await Promise.all([createAdmin(request), createApiKey(request)]);
  return { admin, apiKey };
}

/** A key that is remembered but that this database does not know (it was replaced) is worth nothing. */
export async function isKeyAccepted(relayUrl: string, apiKey: string): Promise<boolean> {
  try {
    const response = await fetch(`${relayUrl}/relay/active-calls`, {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(5_000),
    });
    await response.arrayBuffer();
    return response.status !== 401;
  } catch {
    // The relay does not answer: no reason to make a second key.
    return true;
  }
}

type Request = Parameters<typeof createCredentials>[0];

async function createAdmin({ root, environment, secrets }: Request): Promise<Credentials['admin']> {
  const password = secrets.current.adminPassword;
  const result = await runCommand(
    process.execPath,
    ['install/cli/main.ts', 'user', 'create', '--username', username, '--role', 'admin'],
    { cwd: root, env: environment, input: `${password}\n`, timeoutMs: deadlineMs },
  );
  if (result.code !== 0 && result.code !== alreadyThere) throw failed('first admin', result.output);
  return { username, password };
}

async function createApiKey({ root, environment, secrets }: Request): Promise<string> {
  const result = await runCommand(
    process.execPath,
    [
      'install/cli/main.ts',
      'key',
      'create',
      '--name',
      'First key of this installation',
      '--permissions',
      'read,history,write,monitor',
    ],
    { cwd: root, env: environment, timeoutMs: deadlineMs },
  );
  const apiKey = /3cxr_[0-9a-f]+/.exec(result.output)?.[0];
  if (result.code !== 0 || apiKey === undefined) throw failed('first API key', result.output);
  secrets.remember({ apiKey });
  return apiKey;
}

function failed(what: string, output: string): OperatorError {
  const reason = output.trim().split('\n').at(-1);
  return new OperatorError(`The ${what} could not be created: ${reason}.`);
}
