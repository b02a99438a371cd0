import { type AdminProblem, problemOf, toAdminProblem } from '../api/admin-problem.ts';
import { type ExportFile, openExportFile, saveAs } from './export-file.ts';
import { createRowCounter } from './row-counter.ts';

export type ExportFormat = 'csv' | 'ndjson' | 'parquet';

export interface ExportRequest {
  /** "Calls". */
  readonly what: string;
  readonly format: ExportFormat;
  readonly href: string;
}

export type ExportState =
  | { readonly kind: 'running' }
  /** The file is whole, and the browser was told to save it. */
  | { readonly kind: 'complete'; readonly url: string }
  /** Part of it came; `url` is what did, null if nothing can be done with it. */
  | { readonly kind: 'cut_off'; readonly reason: string; readonly url: string | null }
  /** Nothing came. */
  | { readonly kind: 'failed'; readonly problem: AdminProblem }
  /** The browser itself downloads it, and shows how far it is. */
  | { readonly kind: 'handed_over' };

/** So often the numbers on the screen change. */
const SHOW_EVERY_MS = 200;

/** One export, from the first byte to a file. */
export class ExportRun {
  readonly request: ExportRequest;
  state = $state.raw<ExportState>({ kind: 'running' });
  bytes = $state(0);
  /** Null for a format whose rows cannot be told by looking. */
  rows = $state<number | null>(null);
  fileName: string;
  readonly #cancel = new AbortController();

  constructor(request: ExportRequest) {
    this.request = request;
    this.fileName = `${request.what.toLowerCase().replaceAll(' ', '-')}.${request.format}`;
  }

  /** Does not throw: how it ended is its state. */
  async start(): Promise<void> {
    try {
      const file = await openExportFile();
      if (file === null) {
        this.state = { kind: 'handed_over' };
        saveAs(this.request.href, '');
        return;
      }
      await this.#receive(file);
    } catch (error) {
      this.state = { kind: 'failed', problem: toAdminProblem(error) };
    }
  }

  /** Stops it; nothing is kept. */
  cancel(): void {
    this.#cancel.abort();
  }

  /** Whoever has seen its end wants it away. The file stays a while: the browser may still be copying it. */
  dismiss(): void {
    if (this.state.kind === 'running') this.cancel();
  }

  async #receive(file: ExportFile): Promise<void> {
    const { signal } = this.#cancel;
    const counter = createRowCounter(this.request.format);
    let bytes = 0;
    let shownAt = 0;
    const show = () => {
      shownAt = performance.now();
      this.bytes = bytes;
      this.rows = counter.rows;
    };
    try {
      const response = await fetch(this.request.href, { credentials: 'same-origin', signal });
      if (!response.ok || response.body === null) throw await problemOf(response);
      this.fileName = nameOf(response) ?? this.fileName;
      // Read by hand: not every browser iterates over a body.
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        counter.add(value);
        bytes += value.length;
        await file.write(value);
        if (performance.now() - shownAt > SHOW_EVERY_MS) show();
      }
    } catch (error) {
      show();
      return this.#breakOff(file, error, bytes);
    }
    show();
    const end = counter.end() ?? { isWhole: true };
    const url = await file.finish();
    if (!end.isWhole) {
      this.state = { kind: 'cut_off', reason: end.reason, url };
      return;
    }
    this.state = { kind: 'complete', url };
    saveAs(url, this.fileName);
  }

  async #breakOff(file: ExportFile, error: unknown, bytes: number): Promise<void> {
    const isCancelled = this.#cancel.signal.aborted;
    // A Parquet file has its table of contents at its end: without it nothing can be read.
    if (isCancelled || bytes === 0 || this.request.format === 'parquet') await file.discard();
    if (isCancelled) return;
    if (bytes === 0) throw error;
    const isFull = error instanceof DOMException && error.name === 'QuotaExceededError';
    this.state = {
      kind: 'cut_off',
      reason: isFull ? 'the browser has no more room for it' : 'the connection to the relay broke',
      url: this.request.format === 'parquet' ? null : await file.finish(),
    };
  }
}

function nameOf(response: Response): string | null {
  return /filename="?([^";]+)"?/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? null;
}
