import { describe, expect, it } from 'vitest';
import { commonConfig, readConfig } from './config.ts';
import { parseRedisUrl } from './redis-url.ts';

describe('a Redis address', () => {
  it.each([
    ['redis://127.0.0.1:6379', { kind: 'single', url: 'redis://127.0.0.1:6379' }],
    ['rediss://user:secret@cache.example.com/2', { kind: 'single', url: 'rediss://user:secret@cache.example.com/2' }],
    ['redis+unix:///run/3cx-relay/redis.sock', { kind: 'socket', path: '/run/3cx-relay/redis.sock', db: 0 }],
    [
      'redis+unix:///run/a%20b.sock?db=3&password=p%40s',
      { kind: 'socket', path: '/run/a b.sock', db: 3, password: 'p@s' },
    ],
    [
      'redis+sentinel://app:se%2Fcret@s1:26379,s2,[::1]:26381/mymaster?db=1&sentinelPassword=other',
      {
        kind: 'sentinel',
        sentinels: [
          { host: 's1', port: 26_379 },
          { host: 's2', port: 26_379 },
          { host: '::1', port: 26_381 },
        ],
        master: 'mymaster',
        db: 1,
        tls: false,
        sentinelLogin: { password: 'other' },
        username: 'app',
        password: 'se/cret',
      },
    ],
    [
      'rediss+cluster://:secret@c1:7000,c2',
      {
        kind: 'cluster',
        hosts: [
          { host: 'c1', port: 7_000 },
          { host: 'c2', port: 6_379 },
        ],
        tls: true,
        password: 'secret',
      },
    ],
  ])('%s is understood', (text, address) => {
    expect(parseRedisUrl(text)).toEqual(address);
  });

  it.each([
    ['http://127.0.0.1', /must start with redis:\/\//],
    ['127.0.0.1:6379', /must start with/],
    ['redis://', /must be a URL|names no host/],
    ['redis://host/main', /number of a database/],
    ['redis+unix://run/redis.sock', /absolute path/],
    ['redis+unix:///run/redis.sock?db=x', /not a whole number/],
    ['redis+sentinel://s1,s2', /name of the master/],
    ['redis+sentinel://s1:0/mymaster', /ports from 1 to 65535/],
    ['redis+sentinel://s1,/mymaster', /host:port/],
    ['redis+sentinel://s1/mymaster?sentinelpassword=x', /"sentinelpassword" after the "\?"/],
    ['redis+cluster://c1/3', /only database 0/],
    ['redis+cluster://c1?db=0', /nothing may stand/],
    ['redis+cluster://100%:x@c1', /encodes nothing/],
  ])('%s is refused with what would be right', (text, message) => {
    expect(() => parseRedisUrl(text)).toThrow(message);
  });

  it('that is wrong stops the start with its key and without its password', () => {
    const read = () => readConfig(commonConfig, { REDIS_URL: 'redis+sentinel://:hidden@s1' });
    expect(read).toThrow(/^REDIS_URL must end with the name of the master/);
    expect(read).not.toThrow(/hidden/);
  });
});
