import type { Channel } from '../wire/channels.ts';

/**
 * Every Redis key is spelled here. The braces put all keys of one PBX into one cluster slot, so that one script or
 * one MULTI may touch the log, its meta data and the projection together.
 */
export interface LogKeys {
  readonly pbxId: string;
  /** Stream: entries `<seq>-0` with the fields of entry.ts. */
  log(channel: Channel): string;
  /**
   * Hash: `seq` highest written, `epochs` list `<epoch>:<first seq>,…`, `trimmed` highest trimmed, `persisted` position,
   * and of `calls` `begun`, Unix ms of when ingest first listened; `server`, the replication id of the server to which a new
   * ingest began to write.
   */
  meta(channel: Channel): string;
  /** String `<last writer sequence>:<its seq>`, expires; makes a retried append harmless. */
  writer(channel: Channel, writerId: string): string;
  /** Hash: `<dn>/<participant id>` → participant JSON. */
  readonly participants: string;
  /** Hash: call id → call JSON. */
  readonly calls: string;
  /** Hash: what ingest has still to recover from call records, and what it has (services/ingest/records). */
  readonly recovery: string;
  /** String: how full the log is of what PostgreSQL does not have, as it was last told; absent while it has room. */
  readonly logPressure: string;
  /** Hash: which ingest writes the log, `run`, `owner`, `term`, `beat`, `host`, `pid`, … (lease.lua). */
  readonly ingestLease: string;
  /** String with expiry: what ingest says of itself, JSON; of several the one that has the lease. */
  readonly ingestStatus: string;
  /** String with expiry: what an ingest that stands by says of itself, JSON; of several the one that spoke last. */
  readonly ingestStandby: string;
  /** String with expiry: what the worker says of itself, JSON; of several the one that spoke last. */
  readonly workerStatus: string;
  /** String with expiry: what the relay says of itself, JSON; of several the one that spoke last. */
  readonly relayStatus: string;
  /** Hash: what each service ran with when it last started, to see a change (shared/runtime/compare-settings.ts). */
  readonly settings: string;
  /** String with expiry: the mark of a call-control command, "started" and then its result as JSON. */
  command(commandId: string): string;
  /** String with expiry: what was asked under an idempotency key and what was answered, JSON. `digest` of the key. */
  idempotency(owner: string, digest: string): string;
  /** Sorted set with expiry: the digests of an owner's idempotency keys, by the Unix ms at which they are forgotten. */
  idempotencyKeys(owner: string): string;
  /** String with expiry: the id of the API key that a browser's one-use ticket stands for. `digest` of the ticket. */
  ticket(digest: string): string;
  /** String with expiry: the id of the API key that the cookie of an event stream stands for. `digest` of the cookie. */
  streamPass(digest: string): string;
  /** String with expiry: how many of them somebody was given lately. */
  streamPasses(owner: string): string;
  /** Prefix of the counters of failed keys, one for each address. */
  readonly failedKeys: string;
  /** Prefix of the counters of wallboard links that were not valid, one for each address. */
  readonly failedWallboards: string;
  /** Prefix of the counters of API keys made in the panel, one for each user. */
  readonly newKeys: string;
  /** Pub/sub channel: what every relay instance is asked about its clients. */
  readonly clientQuestions: string;
  /** Pub/sub channel: what one relay instance is answered. */
  clientAnswers(instance: string): string;
  /** Prefix of the strings with expiry that count the requests of an API key. */
  readonly rateOfKeys: string;
  /** Prefix of the counters of failed sign-ins and of the locks they lead to. */
  readonly signIns: string;
  /** Sorted set with expiry: what is locked of a user and until when. `digest` of the username. */
  signInLocks(digest: string): string;
  /** Set with expiry: the networks that a user signed in from. */
  signInNetworks(digest: string): string;
  /** Prefix of every BullMQ key. */
  readonly jobs: string;
}

const PBX_ID = /^[A-Za-z0-9_-]{1,64}$/;

export function createLogKeys(pbxId: string): LogKeys {
  if (!PBX_ID.test(pbxId)) {
    throw new RangeError(`PBX_ID must be 1 to 64 letters, digits, "-" or "_", not ${JSON.stringify(pbxId)}`);
  }
  const prefix = `relay:{${pbxId}}`;
  return Object.freeze({
    pbxId,
    log: (channel: Channel) => `${prefix}:log:${channel}`,
    meta: (channel: Channel) => `${prefix}:meta:${channel}`,
    writer: (channel: Channel, writerId: string) => `${prefix}:writer:${channel}:${writerId}`,
    participants: `${prefix}:state:participants`,
    calls: `${prefix}:state:calls`,
    recovery: `${prefix}:state:recovery`,
    logPressure: `${prefix}:status:log-pressure`,
    ingestLease: `${prefix}:ingest-lease`,
    ingestStatus: `${prefix}:status:ingest`,
    ingestStandby: `${prefix}:status:ingest-standby`,
    workerStatus: `${prefix}:status:worker`,
    relayStatus: `${prefix}:status:relay`,
    settings: `${prefix}:settings`,
    command: (commandId: string) => `${prefix}:command:${commandId}`,
    idempotency: (owner: string, digest: string) => `${prefix}:idempotency:${owner}:${digest}`,
    idempotencyKeys: (owner: string) => `${prefix}:idempotency-keys:${owner}`,
    ticket: (digest: string) => `${prefix}:ticket:${digest}`,
    streamPass: (digest: string) => `${prefix}:stream-pass:${digest}`,
    streamPasses: (owner: string) => `${prefix}:stream-passes:${owner}`,
    failedKeys: `${prefix}:failed-keys`,
    failedWallboards: `${prefix}:failed-wallboards`,
    newKeys: `${prefix}:new-keys`,
    clientQuestions: `${prefix}:clients:ask`,
    clientAnswers: (instance: string) => `${prefix}:clients:answer:${instance}`,
    rateOfKeys: `${prefix}:rate:key`,
    signIns: `${prefix}:sign-ins`,
    signInLocks: (digest: string) => `${prefix}:sign-in-locks:${digest}`,
    signInNetworks: (digest: string) => `${prefix}:sign-in-networks:${digest}`,
    jobs: `${prefix}:bull`,
  });
}
