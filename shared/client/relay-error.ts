export interface RelayErrorOptions {
  /** Whether the same request may succeed later. */
  readonly reconnect?: boolean;
  /** HTTP status of the answer, or of the refused upgrade. */
  readonly status?: number | undefined;
  /** Code with which the relay closed the WebSocket. */
  readonly closeCode?: number | undefined;
  /** The parameter or field that was refused. */
  readonly field?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A verdict of the relay, or the lack of one.
 *
 * `code` is stable and made for programs: that of a problem document (`unauthenticated`, `forbidden`, `pbx_gone`, …), that
 * of an `error` message (`invalid_position`, `forbidden_channel`, …), the name of a close code (`key_ended`, `limit`,
 * `protocol_error`, `too_big`), or one of the client's own: `unreachable` (no answer), `unsupported` (what answers is
 * not a relay that this client knows), `invalid_options`. `reconnect` says whether to try again is of any use.
 */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly code: string;
  readonly reconnect: boolean;
  readonly status: number | undefined;
  readonly closeCode: number | undefined;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, options: RelayErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.reconnect = options.reconnect ?? false;
    this.status = options.status;
    this.closeCode = options.closeCode;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }
}
