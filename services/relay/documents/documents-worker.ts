import { parentPort } from 'node:worker_threads';
import { makeDocuments } from './documents.ts';

/** Runs once in a thread of its own and ends: see `document-source.ts`. */
parentPort?.postMessage(await makeDocuments());
