import { listAdminUsers } from '@3cx-relay/shared/store/admin-users.ts';
import { listApiKeys } from '@3cx-relay/shared/store/api-keys.ts';
import { isSecret } from '../backup/settings-copy.ts';
import type { CheckContext } from '../doctor/check.ts';
import type { Settings } from '../settings.ts';
import type { Known } from './mask.ts';

/** Fields of calls and participants that say who somebody is. */
const IS_PERSON = /(name|display|number|caller|callee)/i;
/** Not of a person, and in every second line. */
const TOO_COMMON: ReadonlySet<string> = new Set([
  'admin',
  'relay',
  'worker',
  'ingest',
  'localhost',
  '127.0.0.1',
  'main',
]);

/** What is known to be secret or a name here: it goes wherever it stands, also in the middle of a sentence. */
export async function readKnown(settings: Settings, context: CheckContext): Promise<Known> {
  const secrets = new Set<string>();
  const names = new Set<string>();
  const addName = (name: string | null | undefined) => {
    if (name && !TOO_COMMON.has(name.toLowerCase())) names.add(name);
  };
  for (const [name, value = ''] of Object.entries(ownSettings(settings))) {
    if (isSecret(name, value) || name === 'CLIENT_ID') secrets.add(value);
    for (const part of partsOf(value)) if (part.isSecret) secrets.add(part.text);
    for (const part of partsOf(value)) if (!part.isSecret) addName(part.text);
    if (name === 'FQDN' || name === 'SERVER_NAME') addName(value.replace(/:\d+$/, ''));
  }
  // Without a database, or a Redis, there is less to know, and as much to mask.
  const reads = [
    async () => (await listAdminUsers(context.pool(), { now: new Date() })).map(({ username }) => username),
    async () => (await listApiKeys(context.pool())).map(({ clientName }) => clientName),
    () => readPeople(context),
  ];
  const found = await Promise.allSettled(reads.map(read => read()));
  for (const each of found) if (each.status === 'fulfilled') for (const name of each.value) addName(name);
  return { secrets, names };
}

/** Those of the product: the environment of a shell says more of its user than of the relay. */
export function ownSettings({ values, installation }: Settings): Record<string, string | undefined> {
  const isOwn = (name: string) =>
    /^(PBX_|CLIENT_|ADMIN_|RELAY_|INGEST_|HISTORY_|LOG_|AUDIT_|SPOOL_|SIM_)/.test(name) ||
    ['FQDN', 'PORT', 'HOST', 'API_KEY', 'REDIS_URL', 'DATABASE_URL', 'CALLCONTROL_AUTH', 'INTERNAL_PORT'].includes(
      name,
    );
  const own = Object.entries(values).filter(([name]) => isOwn(name));
  return { ...installation?.values, ...Object.fromEntries(own) };
}

function partsOf(value: string): { text: string; isSecret: boolean }[] {
  if (!URL.canParse(value) || !value.includes('://')) return [];
  const { hostname, password, username } = new URL(value);
  return [
    { text: hostname, isSecret: false },
    { text: decodeURIComponent(username), isSecret: false },
    { text: decodeURIComponent(password), isSecret: true },
  ].filter(({ text }) => text !== '');
}

async function readPeople(context: CheckContext): Promise<string[]> {
  const { redis, keys } = context.redis();
  const states = [...(await redis.hvals(keys.calls)), ...(await redis.hvals(keys.participants))];
  const people: string[] = [];
  const collect = (value: unknown, key: string): void => {
    if (typeof value === 'string' && IS_PERSON.test(key)) people.push(value);
    if (typeof value !== 'object' || value === null) return;
    for (const [name, each] of Object.entries(value)) collect(each, name);
  };
  for (const state of states) collect(JSON.parse(state), '');
  return people;
}
