import { GenericContainer, Wait } from 'testcontainers';
import type { Infrastructure } from './infra.ts';

const password = 'relay of the tests';

/** The same two servers as containers, with the images and settings of docker-compose.dev.yml. */
export async function startContainers(): Promise<Infrastructure> {
  const redis = new GenericContainer('redis:7')
    .withCommand(['redis-server', '--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'));
  const postgres = new GenericContainer('postgres:17')
    .withEnvironment({
      POSTGRES_USER: 'relay',
      POSTGRES_PASSWORD: password,
      POSTGRES_DB: 'relay',
      POSTGRES_INITDB_ARGS: '--encoding=UTF8 --locale=C --auth-host=scram-sha-256',
    })
    .withCommand(['postgres', '-c', 'fsync=off', '-c', 'autovacuum=off', '-c', 'max_connections=200'])
    .withExposedPorts(5432)
    // The image starts the server twice: once to set it up, once to serve.
    .withWaitStrategy(Wait.forLogMessage('database system is ready to accept connections', 2));
  const [redisContainer, postgresContainer] = await Promise.all([redis.start(), postgres.start()]);
  const databaseAddress = `${postgresContainer.getHost()}:${postgresContainer.getMappedPort(5432)}`;
  return {
    redisUrl: `redis://${redisContainer.getHost()}:${redisContainer.getMappedPort(6379)}`,
    databaseUrl: `postgres://relay:${encodeURIComponent(password)}@${databaseAddress}/relay`,
    stop: async () => void (await Promise.all([redisContainer.stop(), postgresContainer.stop()])),
  };
}
