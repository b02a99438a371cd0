import { generateDocuments } from '@3cx-relay/relay/documents/documents.ts';
import { BaseResolver, createConfig, lintDocument, makeDocumentFromString } from '@redocly/openapi-core';
import { say } from './terminal.js';

/**
 * `npm run check`: the published documents, generated as the relay does at its start, held against the rules of OpenAPI
 * and AsyncAPI by a public validator. No server is started, and nothing is fetched: the documents refer to themselves
 * only.
 */
const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // Whoever runs the relay has a licence or not; the document has no say in it.
    'info-license': 'off',
    // Health and the documents themselves have no error that is the client's.
    'operation-4xx-response': 'off',
  },
});

/** One wrong example breaks every branch of a union; the first lines say it. */
const MAX_SHOWN = 12;

for (const [name, document] of Object.entries(generateDocuments())) {
  const problems = await lintDocument({
    document: makeDocumentFromString(JSON.stringify(document), `${name}.json`),
    externalRefResolver: new BaseResolver(),
    config,
  });
  if (problems.length > 0) process.exitCode = 1;
  for (const { ruleId, message, location } of problems.slice(0, MAX_SHOWN)) {
    say(`${name}.json ${location[0]?.pointer ?? ''}: ${message} (${ruleId})`);
  }
  if (problems.length > MAX_SHOWN) say(`${name}.json: and ${problems.length - MAX_SHOWN} more`);
}
