import { join } from 'node:path';
import { migrate } from '../../../shared/store/migrate.ts';
import { OperatorError } from '../operator-error.js';
import type { RunningServer } from '../servers/running-server.ts';
import { probePort } from '../system/ports.ts';
import { settleAll } from '../system/settle-all.ts';
import { announce, succeed, warn } from '../terminal.js';
import { type Credentials, createCredentials, isKeyAccepted } from './credentials.ts';
import type { DataFolder } from './data-folder.ts';
import { type Environment, readPort } from './environment.ts';
import type { Lock } from './lock.ts';
import { type PanelBuild, startPanelBuild } from './panel.ts';
import { choosePbxDatabase } from './pbx-database.ts';
import { choosePostgres } from './postgres-source.ts';
import { chooseRedis, type ServerSource } from './redis-source.ts';
import { openSecrets, type SecretStore } from './secrets.ts';
import { launchService, type ServiceDefinition, waitUntilReady } from './service.ts';
import { openServiceLog, type ServiceLog } from './service-log.ts';
import { planServices, type ServicePlan } from './services.ts';
import { type ProcessName, removeStackFile, type StackDescription, writeStackFile } from './stack-file.ts';
import { type Supervised, Supervisor } from './supervisor.ts';
import { type WatchedService, watchSources } from './watch.ts';

export type StackOptions = {
  root: string;
  environment: Environment;
  folder: DataFolder;
  lock: Lock;
  isWatching: boolean;
  /** Set when the operator asked to stop; a start gives up at the next step. */
  stopRequested: AbortSignal;
};

/** Who feeds the log stops first, who keeps it stops last: nothing is written to something that is gone. */
const stopOrder: readonly (readonly ProcessName[])[] = [
  ['simulator', 'ingest'],
  ['relay'],
  ['worker'],
  ['postgres'],
  ['redis'],
];
const defaultPort = 8082;
const readyTimeoutMs = 15_000;

/** The whole product on one machine: starts in order, is kept running, and stops in order. */
export class Stack {
  readonly #options: StackOptions;
  readonly #supervisors = new Map<ProcessName, Supervisor<Supervised>>();
  readonly #logs: ServiceLog[] = [];
  readonly #pids = new Map<ProcessName | 'panel build', number>();
  #description: StackDescription | undefined;
  #panelBuild: PanelBuild | undefined;
  #watcher: { stop(): void } | undefined;
  #isStopping = false;
  /** One part failed to start: the others need not wait until they are ready. */
  readonly #failed = new AbortController();

  constructor(options: StackOptions) {
    this.#options = options;
  }

  async start(): Promise<StackDescription> {
    const { environment, folder, root, stopRequested } = this.#options;
    const relayPort = readPort(environment, { key: 'PORT', fallback: defaultPort });
    await requireFreePort(relayPort);
    const { redis, postgres } = await this.#startServers();
    const addresses = { redisUrl: redis.url, databaseUrl: postgres.url };
    stopRequested.throwIfAborted();
    const secrets = openSecrets(folder.secrets);
    const plan = await planServices({
      ...{ environment, folder, relayPort },
      addresses: { ...addresses, serviceDatabaseUrl: postgres.serviceUrl ?? postgres.url },
      pbxDatabaseUrl: await choosePbxDatabase(environment, postgres),
      secrets: secrets.current,
    });
    await this.#migrate(addresses.databaseUrl);
    stopRequested.throwIfAborted();
    const [credentials] = await settleAll(
      [this.#prepareCredentials(plan, secrets), ...plan.definitions.map(definition => this.#startService(definition))],
      () => this.#failed.abort(),
    );
    const admitted = await this.#checkCredentials(credentials, plan, secrets);
    stopRequested.throwIfAborted();
    this.#description = {
      relayUrl: plan.relayUrl,
      adminUrl: `${plan.relayUrl}/admin/`,
      simulatorUrl: plan.simulatorUrl ?? null,
      ...addresses,
      ...admitted,
      pids: this.#describePids(),
    };
    this.#writeDescription();
    if (environment.RELAY_BUILD_PANEL !== 'false') {
      this.#panelBuild = await startPanelBuild(root, pid => this.#remember('panel build', pid));
    }
    if (this.#options.isWatching) this.#watch(plan);
    return this.#description;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#watcher?.stop();
    await this.#panelBuild?.stop();
    for (const names of stopOrder) {
      await Promise.all(names.map(name => this.#supervisors.get(name)?.stop()));
    }
    for (const log of this.#logs) log.close();
    removeStackFile(this.#options.folder.stackFile);
  }

  /** No time left: everything this launcher started, at once. Redis and PostgreSQL recover from it. */
  kill(): void {
    this.#isStopping = true;
    for (const pid of this.#pids.values()) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // it ended by itself
      }
    }
    removeStackFile(this.#options.folder.stackFile);
  }

  async #startServers(): Promise<{ redis: RunningServer; postgres: RunningServer }> {
    const { environment, folder } = this.#options;
    const [redisSource, postgresSource] = await Promise.all([
      chooseRedis(environment, folder),
      choosePostgres(environment, folder),
    ]);
    this.#options.stopRequested.throwIfAborted();
    const [redis, postgres] = await settleAll([
      this.#startServer('redis', redisSource, 'Redis'),
      this.#startServer('postgres', postgresSource, 'PostgreSQL'),
    ]);
    return { redis, postgres };
  }

  async #startServer(name: 'redis' | 'postgres', source: ServerSource, label: string): Promise<RunningServer> {
    const startedAt = Date.now();
    const supervisor = new Supervisor<RunningServer>({
      name,
      start: () => source.start(pid => this.#remember(name, pid)),
      onChange: () => this.#writeDescription(),
    });
    this.#supervisors.set(name, supervisor);
    const server = await supervisor.start();
    supervisor.keepRunning();
    succeed(label, server.version, Date.now() - startedAt);
    return server;
  }

  async #migrate(databaseUrl: string): Promise<void> {
    const startedAt = Date.now();
    const { applied } = await migrate({ databaseUrl, waitMs: 10_000 });
    const detail = applied.length === 0 ? 'schema is current' : `schema brought up to date (${applied.length} new)`;
    succeed('migrations', detail, Date.now() - startedAt);
  }

  async #startService(definition: ServiceDefinition): Promise<void> {
    const { root, folder, stopRequested } = this.#options;
    const { name } = definition;
    const startedAt = Date.now();
    // Until it is ready its last words are told as the reason of a failed start; afterwards they are news.
    let isStarting = true;
    const log = openServiceLog({
      name,
      path: join(folder.logs, `${name}.log`),
      isQuiet: () => isStarting || this.#isStopping,
    });
    this.#logs.push(log);
    const supervisor = new Supervisor({
      name,
      start: () => launchService(definition, { root, log, onSpawn: pid => this.#remember(name, pid) }),
      onChange: () => this.#writeDescription(),
    });
    this.#supervisors.set(name, supervisor);
    const service = await supervisor.start();
    const signal = AbortSignal.any([stopRequested, this.#failed.signal]);
    const request = { definition, log, timeoutMs: readyTimeoutMs, signal };
    const isReady = await waitUntilReady(service, request);
    isStarting = false;
    supervisor.keepRunning();
    if (isReady) succeed(name, `ready (pid ${service.pid})`, Date.now() - startedAt);
    else warn(`${name} runs but is not ready yet: ${log.lastWords() ?? `see ${definition.readyUrl}`}`);
  }

  #prepareCredentials(plan: ServicePlan, secrets: SecretStore): Promise<Credentials> {
    const { apiKey, adminPassword } = secrets.current;
    if (apiKey !== undefined) {
      return Promise.resolve({ apiKey, admin: { username: 'admin', password: adminPassword } });
    }
    return this.#createCredentials(plan, secrets);
  }

  async #checkCredentials(credentials: Credentials, plan: ServicePlan, secrets: SecretStore): Promise<Credentials> {
    if (credentials.apiKey !== null && (await isKeyAccepted(plan.relayUrl, credentials.apiKey))) return credentials;
    announce('the remembered API key is not known to this database: making a new one');
    return this.#createCredentials(plan, secrets);
  }

  #createCredentials(plan: ServicePlan, secrets: SecretStore): Promise<Credentials> {
    const environment = plan.definitions.find(({ name }) => name === 'relay')?.env ?? {};
    return createCredentials({ root: this.#options.root, environment, secrets });
  }

  #watch(plan: ServicePlan): void {
    const watched = plan.definitions.map(({ name, program }): WatchedService => {
      const own = program.replace('/main.ts', '');
      return {
        name,
        folders: name === 'simulator' ? [own] : [own, 'shared'],
        restart: async reason => this.#supervisors.get(name)?.restart(reason),
      };
    });
    this.#watcher = watchSources(this.#options.root, watched);
  }

  #remember(name: ProcessName | 'panel build', pid: number): void {
    this.#pids.set(name, pid);
    this.#options.lock.record(name, pid);
  }

  #describePids(): StackDescription['pids'] {
    const pid = (name: ProcessName): number | null => this.#supervisors.get(name)?.pid ?? null;
    return {
      launcher: process.pid,
      ingest: pid('ingest'),
      relay: pid('relay'),
      worker: pid('worker'),
      simulator: pid('simulator'),
      redis: pid('redis'),
      postgres: pid('postgres'),
    };
  }

  #writeDescription(): void {
    if (this.#description === undefined || this.#isStopping) return;
    this.#description = { ...this.#description, pids: this.#describePids() };
    writeStackFile(this.#options.folder.stackFile, this.#description);
  }
}

async function requireFreePort(port: number): Promise<void> {
  const state = await probePort(port);
  if (state === 'free') return;
  if (state === 'forbidden') {
    throw new OperatorError(
      `Port ${port} needs more rights than this user has; choose one above 1023: PORT=8083 npm start`,
    );
  }
  throw new OperatorError(
    `Port ${port} on 127.0.0.1 is in use; stop the program that holds it, or choose another: PORT=${port + 1} npm start`,
  );
}
