import type { OpenApiAnswer, OpenApiDocument, Operation } from '../openapi.ts';
import type { RouteDescription } from '../route-description.ts';
import type { JsonSchema } from '../schema-shelf.ts';
import { type Html, html, NOTHING, paragraphs, prose } from './html.ts';
import { fieldList, fieldsOf, typeOf } from './schema-fields.ts';

/** One route with its parameters, answers and errors, as the OpenAPI document has them. */
export function routeSection(route: RouteDescription, document: OpenApiDocument): Html {
  const operation = document.paths[route.path]?.[route.method];
  if (!operation) throw new Error(`${route.method} ${route.path} is not in the document`);
  return html`<section class="route" aria-labelledby="${route.operationId}">
<h3 id="${route.operationId}"><span class="method">${route.method.toUpperCase()}</span> <code>${route.path}</code></h3>
<p class="summary">${route.summary}</p>
${paragraphs(String(operation.description))}
${parameters(operation)}
${body(operation)}
<h4>Answers</h4>
<dl class="fields">${Object.entries(operation.responses).map(([status, answer]) => answerRow(status, answer))}</dl>
${example(operation)}
</section>`;
}

const PLACES = [
  ['path', 'In the path'],
  ['query', 'In the query'],
  ['header', 'Headers'],
] as const;

function parameters({ parameters: all }: Operation): Html[] {
  return PLACES.map(([place, title]) => {
    const fields = all
      .filter(parameter => parameter.in === place)
      .map(({ name, required, description, schema }) => ({
        name,
        isOptional: !required,
        schema: description === undefined ? schema : { ...schema, description },
      }));
    return fields.length === 0 ? NOTHING : html`<h4>${title}</h4>\n${fieldList(fields)}`;
  });
}

function body(operation: Operation): Html {
  const { requestBody } = operation as { requestBody?: { content: Record<string, Media> } };
  const media = requestBody?.content['application/json'];
  if (!media?.schema) return NOTHING;
  return html`<h4>Body</h4>
${fieldList(fieldsOf(media.schema))}
<pre tabindex="0"><code>${JSON.stringify(media.example ?? {}, null, 2)}</code></pre>`;
}

interface Media {
  readonly schema?: JsonSchema;
  readonly example?: unknown;
}

function answerRow(status: string, { description, content = {} }: OpenApiAnswer): Html {
  const isProblem = Number(status) >= 400 && 'application/problem+json' in content;
  const types = Object.entries(content).map(([type, { schema }]) => {
    return isProblem ? html`` : html`<code>${type}</code> ${schema ? typeOf(schema) : NOTHING}`;
  });
  return html`<div><dt><code>${status}</code> <span class="type">${types}</span></dt>
<dd>${description.split('\n\n').map(line => html`<p>${prose(line)}</p>`)}</dd></div>`;
}

function example(operation: Operation): Html {
  const [shown] = Object.entries(operation.responses).flatMap(([status, { content = {} }]) =>
    Object.values(content as Record<string, Media>)
      .filter(media => media.example !== undefined)
      .map(media => ({ status, example: media.example })),
  );
  if (!shown) return NOTHING;
  return html`<details><summary>An answer ${shown.status}</summary>
<pre tabindex="0"><code>${JSON.stringify(shown.example, null, 2)}</code></pre></details>`;
}
