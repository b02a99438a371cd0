import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Made once from the schemas that validate; served as they are. */
export interface Documents {
  readonly openapi: ServedDocument;
  readonly asyncapi: ServedDocument;
  readonly page: ServedDocument & { readonly contentSecurityPolicy: string };
}

export interface ServedDocument {
  readonly body: string;
  readonly type: string;
  readonly etag: string;
}

/** The same documents for whoever asks; they are made at the first request. */
export type DocumentSource = () => Promise<Documents>;

/**
 * In a thread of its own: to turn every schema into JSON Schema takes a quarter of a second, which neither a start nor
 * the events of a running relay should wait for.
 */
export function createDocumentSource(): DocumentSource {
  let made: Promise<Documents> | null = null;

  async function make(): Promise<Documents> {
    const worker = new Worker(new URL('./documents-worker.ts', import.meta.url), { name: 'documents', execArgv: [] });
    // A relay that stops does not wait for it.
    worker.unref();
    const [documents] = (await once(worker, 'message')) as [Documents];
    return documents;
  }

  return () => {
    made ??= make().catch(error => {
      // The next request tries again.
      made = null;
      throw error;
    });
    return made;
  };
}
