import type { ErrorTracker } from '@3cx-relay/shared/errors/error-tracker.ts';
import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createAuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { compareSettings } from '@3cx-relay/shared/runtime/compare-settings.ts';
import type { RunningService } from '@3cx-relay/shared/runtime/lifecycle.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, waitForRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { SILENT_AFTER_MS } from '@3cx-relay/shared/runtime/silence.ts';
import { createStatusReporter } from '@3cx-relay/shared/runtime/status-reporter.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { recallLogs } from '@3cx-relay/shared/store/recall-logs.ts';
import { createSchemaGuard } from '@3cx-relay/shared/store/schema-guard.ts';
import type { Registry } from 'prom-client';
import { openAdmin, openSessions } from './admin/open-admin.ts';
import { createValidateHolder } from './admin/session-access/validate-holder.ts';
import { createClientDirectory } from './clients/client-directory.ts';
import type { RelayConfig } from './config.ts';
import { createDocumentSource } from './documents/document-source.ts';
import { createRelayErrors } from './errors/relay-errors.ts';
import { watchStores } from './errors/watch-stores.ts';
import { watchHealth } from './health.ts';
import { createAccess } from './keys/access.ts';
import { createAddressList } from './keys/address-list.ts';
import { createAdmission } from './keys/admission.ts';
import { APIKeyManager } from './keys/api-key-manager.ts';
import { toKeyAudit } from './keys/key-audit.ts';
import { createKeyRate } from './keys/key-rate.ts';
import { watchKeys } from './keys/key-watch.ts';
import { createLiveKeys } from './keys/live-keys.ts';
import { createArrivals } from './live/arrivals.ts';
import { createDeliveryWindow } from './live/delivery-window.ts';
import { createHub } from './live/hub.ts';
import { createRelayMetrics } from './live/relay-metrics.ts';
import { createSendBudget } from './live/send-budget.ts';
import { createTail, type Tail } from './live/tail.ts';
import { watchTail } from './live/tail-metrics.ts';
import { createWebSocketEndpoint } from './live/websocket-endpoint.ts';
import packageJson from './package.json' with { type: 'json' };
import { createPasswordHash, type PasswordHash } from './passwords/password-hash.ts';
import { createActiveCallsOfPbx } from './public/active-calls-of-pbx.ts';
import { createApp } from './public/app.ts';
import { createCommandDesk } from './public/commands/command-desk.ts';
import { openHistory } from './public/history/open-history.ts';
import { createHttpServer, listen } from './public/http-server.ts';
import { createTiers } from './replay/tiers.ts';
import { createRequestLog } from './request-log.ts';
import { createReadStream } from './streams/read-stream.ts';

const FLUSH_MS = 500;

/**
 * The whole relay on one port: everything it needs is opened here, and closed by the phases it returns. A thread for
 * bcrypt that others use, too, may be given, and is then left running.
 */
export async function createRelay(
  config: RelayConfig,
  deps: { logger: Logger; registry: Registry; passwordHash?: PasswordHash },
): Promise<RunningService & { port: number; tracker: ErrorTracker }> {
  const { logger } = deps;
  const keys = createLogKeys(config.PBX_ID);
  const store = createPool({ databaseUrl: config.DATABASE_URL, max: 8, name: 'relay', logger });
  const schema = createSchemaGuard(store.pool, logger);
  await schema.atStart();
  const commands = connectRedis(config.REDIS_URL, { name: 'relay', logger });
  const blocking = connectRedis(config.REDIS_URL, {
    name: 'relay-tail',
    logger,
    silenceMs: config.RELAY_BLOCK_MS + 1_500,
  });
  const passwordHash = deps.passwordHash ?? createPasswordHash();
  const audit = createAuditLog({ redis: commands.redis, keys, logger }, { service: 'relay' });
  const apiKeys = new APIKeyManager({
    pool: store.pool,
    adminSecret: config.ADMIN_SECRET,
    passwordHash,
    logger,
    onOperation: operation => audit.write(toKeyAudit(operation)),
  });
  const sessions = openSessions(config, { pool: store.pool, logger });
  const liveKeys = createLiveKeys(
    { onRegister: keyId => keyWatch.check(keyId), ...(sessions && { hold: sessions.hold }) },
    { maxConnections: config.RELAY_KEY_MAX_CONNECTIONS },
  );
  const keyWatch = watchKeys(
    { keys: apiKeys, live: liveKeys, logger },
    { databaseUrl: config.DATABASE_URL, sweepMs: config.RELAY_KEY_SWEEP_MS },
  );

  const reporting = createRelayErrors({ redis: commands.redis, keys, pool: store.pool, logger });
  const { errors, tracker } = reporting;
  await waitForRedis(commands.redis);
  await recallLogs({ redis: commands.redis, keys, pool: store.pool, logger });
  await compareSettings({ redis: commands.redis, keys, logger, audit: audit.write }, 'relay', config);
  const budget = createSendBudget({ clientBytes: config.RELAY_CLIENT_BYTES, totalBytes: config.RELAY_SEND_BYTES });
  const hub = createHub({ heartbeatMs: config.RELAY_HEARTBEAT_MS });
  const deliveries = createDeliveryWindow();
  const metrics = createRelayMetrics(deps.registry, { hub, budget });
  const sending = { budget, stallMs: config.RELAY_CLIENT_STALL_MS, onWrite: metrics.wrote };
  const tiers = createTiers(
    { redis: commands.redis, keys, registry: deps.registry, errors, logger },
    {
      databaseUrl: config.DATABASE_URL,
      pageEntries: config.RELAY_PAGE_ENTRIES,
      cacheBytes: config.RELAY_PAGE_CACHE_BYTES,
      maxReads: config.RELAY_MAX_READS,
      maxColdReads: config.RELAY_MAX_COLD_READS,
    },
  );
  const { log, replay } = tiers;
  const history = openHistory(
    {
      databaseUrl: config.DATABASE_URL,
      maxReads: config.RELAY_MAX_HISTORY_READS,
      maxStatisticsRows: config.RELAY_MAX_STATISTICS_ROWS,
    },
    logger,
  );
  // Late bound: what the tail reads may arrive before everything below exists, but nobody is connected by then.
  const ring: Tail['ring'] = channel => tail.ring(channel);
  const arrivals = createArrivals({ ring, registry: deps.registry }, config.RELAY_MAX_WAITING_REQUESTS);
  const tail = await createTail(
    { redis: commands.redis, blockingRedis: blocking.redis, keys, logger },
    { ringBytes: config.RELAY_RING_BYTES, blockMs: config.RELAY_BLOCK_MS, maxPaceMs: config.RELAY_MAX_PACE_MS },
    {
      onBlock(channel, block) {
        metrics.read(channel, block.size);
        hub.onBlock(channel, block);
        arrivals.wake(channel);
      },
      onEntries(channel, entries) {
        deliveries.delivered(channel, entries);
        metrics.delivered(channel, entries.at(-1)?.at ?? Date.now());
        if (channel === 'errors') tracker.take(entries);
      },
      onReset(channel, info) {
        replay.forget(channel);
        hub.onReset(channel, info);
      },
      afterReset(channel) {
        arrivals.reset(channel);
        if (channel !== 'errors') return;
        tracker.reset();
        void reporting.load();
      },
    },
  );
  watchTail(deps.registry, tail);
  await reporting.load();
  const access = createAccess(
    {
      ...{ redis: commands.redis, keys, apiKeys, errors, logger },
      validateHolder: createValidateHolder(apiKeys, sessions),
    },
    {
      ticketTtlMs: config.RELAY_TICKET_TTL_MS,
      streamPassTtlMs: config.RELAY_STREAM_PASS_TTL_MS,
      maxStreamPasses: config.RELAY_MAX_STREAM_PASSES,
      failedKeys: { perMinute: config.RELAY_FAILED_KEYS_PER_MINUTE, blockMs: config.RELAY_FAILED_KEYS_BLOCK_MS },
      allowedOrigins: config.RELAY_ALLOWED_ORIGINS,
    },
  );
  const admit = createAdmission(
    createKeyRate({ redis: commands.redis, keys }, { requestsPerSecond: config.RELAY_KEY_REQUESTS_PER_SECOND }),
    access.failedKeys,
  );
  const pingPostgres = store.ping;
  const storesWatch = watchStores({ tail, pingPostgres }, { logger, errors });
  const status = createStatusReporter({ redis: commands.redis, key: keys.relayStatus });
  const health = watchHealth({
    redis: commands.redis,
    keys,
    status,
    tail,
    hub,
    version: packageJson.version,
    pingPostgres,
  });
  const { report } = health;
  const requests = createRequestLog(
    { redis: commands.redis, keys, registry: deps.registry, logger },
    { maxAnonymousPerSecond: config.RELAY_MAX_ANONYMOUS_REQUEST_ENTRIES_PER_SECOND },
  );
  const queue = createJobQueue('pbx', { connection: commands, keys, logger });
  const desk = createCommandDesk(
    { redis: commands.redis, keys, queue, audit },
    {
      maxCommands: config.RELAY_MAX_COMMANDS,
      timeoutMs: config.RELAY_COMMAND_TIMEOUT_MS,
      maxIdempotencyKeys: config.RELAY_MAX_IDEMPOTENCY_KEYS,
    },
  );
  const subscribeDeps = {
    ...{ redis: commands.redis, keys, ring, log, replay, hub },
    watch: { ...tiers.metrics, fellBack: metrics.fellBack },
  };
  const clients = createClientDirectory(
    { hub, ring, redis: commands.redis, keys, logger },
    {
      redisUrl: config.REDIS_URL,
      waitMs: config.RELAY_CLIENTS_WAIT_MS,
      maxClients: config.RELAY_MAX_LISTED_CLIENTS,
    },
  );
  const admin = openAdmin(
    config,
    {
      ...{ connection: commands, redis: commands.redis, keys, pool: store.pool, queue, tickets: access.tickets },
      ...{ report, deliveries, tracker, liveKeys, apiKeys, clients, passwordHash, audit, errors, logger },
    },
    sessions,
  );
  const app = createApp({
    redis: commands.redis,
    keys,
    arrivals,
    blocks: { log, replay, ring },
    streams: { access: access.stream, hub, liveKeys, subscribeDeps, ...sending },
    readStream: createReadStream(
      { hub, ...sending },
      {
        longPollMs: config.RELAY_STREAM_LONG_POLL_MS,
        sseMs: config.RELAY_STREAM_SSE_MS,
        maxConnections: config.RELAY_MAX_CONNECTIONS,
      },
    ),
    onGone: tiers.metrics.gap,
    maxConnections: config.RELAY_MAX_CONNECTIONS,
    access,
    admit,
    liveKeys,
    requests,
    report,
    desk,
    audit,
    documents: createDocumentSource(),
    callsOfPbx: createActiveCallsOfPbx(queue),
    queue,
    records: {
      maxReads: config.RELAY_MAX_RECORD_READS,
      maxDays: config.RELAY_MAX_RECORDS_DAYS,
      timeoutMs: config.RELAY_RECORDS_TIMEOUT_MS,
      stallMs: config.RELAY_RECORDS_STALL_MS,
    },
    history: history.sources,
    exports: { maxExports: config.RELAY_MAX_EXPORTS, stallMs: config.RELAY_EXPORT_STALL_MS },
    pool: store.pool,
    maxTimelineEntries: config.RELAY_MAX_TIMELINE_ENTRIES,
    admin,
    errors,
    logger,
  });
  const { server, finishRequests } = createHttpServer(app.callback(), {
    trustedProxies: createAddressList(config.RELAY_TRUSTED_PROXIES),
    maxHalfOpen: config.RELAY_MAX_HALF_OPEN,
    logger,
  });
  const sockets = createWebSocketEndpoint(
    server,
    {
      hub,
      authenticate: access.authenticateUpgrade,
      admit,
      liveKeys,
      requests,
      logger,
      budget,
      subscribeDeps,
    },
    {
      heartbeatMs: config.RELAY_HEARTBEAT_MS,
      maxConnections: config.RELAY_MAX_CONNECTIONS,
      maxMessageBytes: config.RELAY_MAX_MESSAGE_BYTES,
      isCompressing: config.RELAY_COMPRESSION,
      messagesPerSecond: config.RELAY_MAX_MESSAGES_PER_SECOND,
      refusedMessages: config.RELAY_MAX_REFUSED_MESSAGES,
      stallMs: sending.stallMs,
      onWrite: sending.onWrite,
    },
  );
  const port = await listen(server, config);
  logger.info({ url: `http://${config.HOST}:${port}/relay/` }, 'relay: listening');

  return {
    port,
    errors,
    tracker,
    refused: schema.refused,
    // Not `status`: clients read on from a Redis that refuses writes, and what the relay writes itself (commands, tickets)
    // answers 503 on its own. Every other relay has the same Redis, so that nothing is won where this one gets no work.
    readiness: () => (tail.silentForMs() < SILENT_AFTER_MS ? [] : ['the log does not answer']),
    stop: [
      {
        name: 'stop accepting',
        deadlineMs: 500,
        run: () => {
          sockets.stopAccepting();
          server.close();
          server.closeIdleConnections();
        },
      },
      {
        name: 'tell clients and drain',
        deadlineMs: config.RELAY_DRAIN_MS + 3_000,
        run: async () => {
          arrivals.wake();
          await hub.drain(config.RELAY_DRAIN_MS);
          await finishRequests();
        },
      },
      {
        name: 'stop reading',
        deadlineMs: 2_000,
        run: async () => {
          hub.stop();
          await tail.stop();
          server.closeAllConnections();
        },
      },
      {
        name: 'close stores',
        // Only a store that is frozen takes so long; one on a busy machine is no failure.
        deadlineMs: 4_000,
        run: async () => {
          storesWatch.stop();
          health.stop();
          await status.stop();
          schema.stop();
          liveKeys.stop();
          await keyWatch.stop();
          await Promise.all([apiKeys.stop(), sessions?.stop(), admin?.stop(), queue.stop(), reporting.stop()]);
          await Promise.all([audit.stop(FLUSH_MS), requests.stop(FLUSH_MS)]);
          await Promise.all([
            deps.passwordHash ? undefined : passwordHash.stop(),
            store.stop(),
            tiers.stop(),
            history.stop(),
            clients.stop(),
            commands.stop(),
            blocking.stop(),
          ]);
        },
      },
    ],
  };
}
