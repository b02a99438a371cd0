import { flushCompileCache } from 'node:module';
import type { Registry } from 'prom-client';
import type { ErrorSink } from '../errors/error-sink.ts';
import { createInternalServer, type InternalServer, type ReadinessCheck } from './internal-server.ts';
import type { Logger } from './logger.ts';
import { collectProcessMetrics } from './metrics.ts';
import { messageOf, OperatorError } from './operator-error.ts';
import { createReadyMetric } from './ready-metric.ts';
import { createSystemdNotifier } from './systemd-notify.ts';

/** One step of the way down. Steps run in the order of the list; each has a deadline and cannot hold up the next. */
export interface StopPhase {
  readonly name: string;
  readonly deadlineMs: number;
  readonly run: () => Promise<void> | void;
}

export interface RunningService {
  /** Reasons why this process should get no work; asked at every probe. */
  readonly readiness: ReadinessCheck;
  /** Hears of an error that nobody caught; one of the phases writes what waits there. */
  readonly errors?: ErrorSink;
  /** Rejects when the service finds, after its start, that it must not run. */
  readonly refused?: Promise<never>;
  /** In order: stop accepting → tell clients → drain → flush → close stores. */
  readonly stop: readonly StopPhase[];
}

export interface ServiceOptions {
  readonly name: string;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly internalPort: number;
  /** Loopback where absent: what it tells is for operators. */
  readonly internalHost?: string;
  /** Opens what the service needs and hands back how to end it. */
  readonly start: () => Promise<RunningService>;
}

/**
 * Runs one process from start to exit. SIGTERM or SIGINT walks the stop phases; a second signal exits at once; a
 * failed start, a failed phase and an unexpected error exit non-zero, because a supervisor must be able to tell.
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const { name, logger } = options;
  let service: RunningService | null = null;
  let internal: InternalServer | null = null;
  let isStopping = false;
  const supervisor = createSystemdNotifier(process.env, logger);

  const stop = async (cause: string, exitCode: number) => {
    if (isStopping) {
      logger.warn({ cause }, `${name}: told to stop twice, leaving at once`);
      process.exit(1);
    }
    isStopping = true;
    supervisor.stopping();
    logger.info({ cause }, `${name}: stopping`);
    let code = exitCode;
    for (const phase of service?.stop ?? []) {
      const startedAt = performance.now();
      try {
        await withDeadline(phase);
        logger.debug({ phase: phase.name, ms: Math.round(performance.now() - startedAt) }, `${name}: phase done`);
      } catch (error) {
        code = 1;
        logger.error({ phase: phase.name, err: error }, `${name}: phase ${phase.name} failed, going on with the next`);
      }
    }
    await internal?.stop();
    logger.info(`${name}: stopped`);
    logger.flush();
    process.exit(code);
  };

  process.on('SIGTERM', () => void stop('SIGTERM', 0));
  process.on('SIGINT', () => void stop('SIGINT', 0));
  const fall = (cause: string, error: unknown) => {
    logger.fatal({ err: error }, `${name}: ${cause}`);
    const message = `${name} ends because of an ${cause} and is to be started again: report it with these details`;
    service?.errors?.logError(name, 'critical', message, { error });
    void stop(cause, 1);
  };
  process.on('uncaughtException', error => fall('unexpected error', error));
  process.on('unhandledRejection', error => fall('unexpected rejection', error));

  try {
    const readiness = () => {
      if (isStopping) return ['stopping'];
      return service ? service.readiness() : ['starting'];
    };
    collectProcessMetrics(options.registry);
    createReadyMetric(options.registry, readiness);
    const { internalPort: port, internalHost: host, registry } = options;
    internal = await createInternalServer({ port, registry, readiness, ...(host === undefined ? {} : { host }) });
    service = await options.start();
    service.refused?.catch(error => {
      logger.fatal(`${name} must not run: ${messageOf(error)}`);
      void stop('refused to run', 1);
    });
    const started = service;
    // A process that waits for a server is started all the same: to start it again would not bring that one back.
    supervisor.ready(() => started.readiness().join('; ') || 'ready');
    logger.info({ internalPort: internal.port }, `${name}: started`);
    // Node would write it at the exit, which a process that is killed never comes to: and that one is awaited most.
    flushCompileCache();
  } catch (error) {
    exitBeforeStart(name, logger, error);
  }
}

/** For `main.ts`: a configuration error is one sentence for the operator, not a stack. */
export function exitBeforeStart(name: string, logger: Logger | null, error: unknown): never {
  const sentence = `${name} cannot start: ${messageOf(error)}`;
  if (logger && !(error instanceof OperatorError)) logger.fatal({ err: error }, sentence);
  else process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

async function withDeadline(phase: StopPhase): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${phase.deadlineMs} ms`)), phase.deadlineMs);
  });
  try {
    await Promise.race([phase.run(), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
