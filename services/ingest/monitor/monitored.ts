/** What ingest is connected to, as far as a monitor looks at it and reconnects it. */
export interface MonitoredDatabase {
  /** False where the PBX's database is not on this host: nothing is wrong then. */
  readonly isConfigured: boolean;
  /** Rejects with a sentence for the operator. */
  check(signal?: AbortSignal): Promise<unknown>;
  /** Gives up what connections there are, reads the settings again and connects. */
  connect(): Promise<unknown>;
}

export interface MonitoredXapi {
  /** What it refuses although it answers, as a sentence; null when nothing, undefined while that is not known. */
  readonly refusal?: string | null | undefined;
  check(signal?: AbortSignal): Promise<unknown>;
  /** The same, even when XAPI is being left alone because it failed too often. */
  reconnect(signal?: AbortSignal): Promise<unknown>;
}

export interface MonitoredSocket {
  readonly state: 'connected' | 'connecting' | 'down';
  /** Unix ms since which it is open; null while it is not. */
  readonly openSince: number | null;
  /** Why it does not do its work, as a sentence; null when it does, and while it is dialled for the first time. */
  readonly error: string | null;
  /** Gives the connection up, or the wait for the next try, and dials at once. */
  reconnect(why: string): void;
}
