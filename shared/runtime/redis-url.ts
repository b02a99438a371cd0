import { OperatorError } from './operator-error.ts';

/**
 * What `REDIS_URL` may say:
 *
 *     redis://[user:password@]host[:port][/db]            rediss:// with TLS
 *     redis+unix:///path/to/redis.sock[?db=n&username=…&password=…]
 *     redis+sentinel://[user:password@]host[:port],…/<master name>[?db=n&sentinelUsername=…&sentinelPassword=…]
 *     redis+cluster://[user:password@]host[:port],…       rediss+sentinel:// and rediss+cluster:// with TLS
 *
 * User and password before the `@` are those of the servers that hold data; Sentinels have their own, or none.
 */
export type RedisAddress =
  | { readonly kind: 'single'; readonly url: string }
  | ({ readonly kind: 'socket'; readonly path: string; readonly db: number } & RedisLogin)
  | ({
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisHost[];
      readonly master: string;
      readonly db: number;
      readonly tls: boolean;
      readonly sentinelLogin: RedisLogin;
    } & RedisLogin)
  | ({ readonly kind: 'cluster'; readonly hosts: readonly RedisHost[]; readonly tls: boolean } & RedisLogin);

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;
/** Several hosts are no legal authority of a URL, which is why `URL` cannot read these. */
const SEVERAL = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const UNIX = /^redis\+unix:\/\/(\/[^?#]+)(?:\?([^#]*))?$/;
const FORMS =
  'redis://, rediss://, redis+unix://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://';

/**
 * No message repeats what was given: there may be a password in it.
 *
 * @throws OperatorError `REDIS_URL_INVALID`
 */
export function parseRedisUrl(text: string): RedisAddress {
  const scheme = /^([a-z+]+):\/\//.exec(text)?.[1];
  if (scheme === 'redis' || scheme === 'rediss') return toSingle(text);
  if (scheme === 'redis+unix') return toSocket(text);
  if (/^rediss?\+(sentinel|cluster)$/.test(scheme ?? '')) return toSeveral(text);
  throw invalid(`must start with ${FORMS}, for example redis://127.0.0.1:6379`);
}

function toSingle(url: string): RedisAddress {
  if (!URL.canParse(url)) throw invalid('must be a URL, for example redis://127.0.0.1:6379');
  const { hostname, pathname } = new URL(url);
  if (hostname === '') throw invalid('names no host, for example redis://127.0.0.1:6379');
  if (!/^\/?\d*$/.test(pathname)) throw invalid('may have only the number of a database after the host');
  return { kind: 'single', url };
}

function toSocket(text: string): RedisAddress {
  const [, path, query] = UNIX.exec(text) ?? [];
  if (path === undefined)
    throw invalid('must give the socket as an absolute path, for example redis+unix:///run/3cx-relay/redis.sock');
  const { db, username, password } = toQuery(query, ['db', 'username', 'password']);
  return { kind: 'socket', path: decode(path), db: toDb(db), ...toLogin(username, password) };
}

function toSeveral(text: string): RedisAddress {
  const [, scheme, kind, userInfo, hostText = '', name = '', query] = SEVERAL.exec(text) ?? [];
  if (scheme === undefined)
    throw invalid('must look like redis+sentinel://host:26379,host:26379/name or redis+cluster://host:6379,host:6379');
  const tls = scheme === 'rediss';
  const colon = userInfo?.indexOf(':') ?? -1;
  const login = toLogin(
    userInfo && decode(colon < 0 ? userInfo : userInfo.slice(0, colon)),
    userInfo && colon >= 0 ? decode(userInfo.slice(colon + 1)) : undefined,
  );
  if (kind === 'cluster') {
    toQuery(query, []);
    if (name !== '' && name !== '0') throw invalid('names a database: a Redis Cluster has only database 0');
    return { kind, hosts: toHosts(hostText, REDIS_PORT), tls, ...login };
  }
  const options = toQuery(query, ['db', 'sentinelUsername', 'sentinelPassword']);
  const sentinels = toHosts(hostText, SENTINEL_PORT);
  if (name === '' || name.includes('/'))
    throw invalid('must end with the name of the master that the Sentinels watch, for example …:26379/mymaster');
  const sentinelLogin = toLogin(options.sentinelUsername, options.sentinelPassword);
  return { kind: 'sentinel', sentinels, master: decode(name), db: toDb(options.db), tls, sentinelLogin, ...login };
}

function toHosts(text: string, defaultPort: number): RedisHost[] {
  const hosts = text.split(',').map(each => {
    const [, inBrackets, plain, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d+))?$/.exec(each) ?? [];
    const host = inBrackets ?? plain;
    const port = portText === undefined ? defaultPort : Number(portText);
    return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
  });
  const found = hosts.filter(host => host !== undefined);
  if (found.length < hosts.length)
    throw invalid('must name its servers as host:port, separated by commas, with ports from 1 to 65535');
  return found;
}

function toQuery(text: string | undefined, known: readonly string[]): Readonly<Record<string, string>> {
  const given = Object.fromEntries(new URLSearchParams(text ?? ''));
  const unknown = Object.keys(given).filter(key => !known.includes(key));
  if (unknown.length > 0)
    throw invalid(
      `has ${unknown.map(key => `"${key}"`).join(', ')} after the "?", where ${known.length === 0 ? 'nothing' : `only ${known.join(', ')}`} may stand`,
    );
  return given;
}

function toDb(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,4}$/.test(text)) throw invalid('has a db that is not a whole number');
  return Number(text);
}

function toLogin(username: string | undefined, password: string | undefined): RedisLogin {
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('has a "%" that encodes nothing; write %25 for a percent sign');
  }
}

function invalid(what: string): OperatorError {
  return new OperatorError('REDIS_URL_INVALID', what);
}
