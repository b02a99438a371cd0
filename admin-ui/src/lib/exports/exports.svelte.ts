import { createContext } from 'svelte';
import { removeExportFiles } from './export-file.ts';
import { type ExportRequest, ExportRun } from './export-run.svelte.ts';

/** The exports of this window. They go on while people look at other pages. */
export class Exports {
  runs = $state.raw<readonly ExportRun[]>([]);

  start(request: ExportRequest): void {
    const run = new ExportRun(request);
    this.runs = [...this.runs, run];
    void run.start();
  }

  /** Takes it away; one that still runs is cancelled. */
  dismiss(run: ExportRun): void {
    run.dismiss();
    this.runs = this.runs.filter(other => other !== run);
  }

  again(run: ExportRun): void {
    this.dismiss(run);
    this.start(run.request);
  }

  /** Nobody is signed in any more, here or in any other window: nothing that was exported stays with the browser. */
  stop(): void {
    for (const run of this.runs) run.dismiss();
    this.runs = [];
    void removeExportFiles();
  }

  get isRunning(): boolean {
    return this.runs.some(({ state }) => state.kind === 'running');
  }
}

export const [getExports, setExports] = createContext<Exports>();
