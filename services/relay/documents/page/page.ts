import { VERDICTS } from '@3cx-relay/shared/wire/close-codes.ts';
import { PROBLEM_CODES } from '@3cx-relay/shared/wire/problem.ts';
import { type AsyncApiDocument, SUBPROTOCOLS } from '../asyncapi.ts';
import type { OpenApiDocument } from '../openapi.ts';
import { PROBLEM_MEANINGS, statusOfProblem } from '../problem-schema.ts';
import { GROUPS, type RouteDescription } from '../route-description.ts';
import { Html, html, paragraphs, prose } from './html.ts';
import { routeSection } from './route-section.ts';
import { typeBody } from './schema-fields.ts';

export interface PageParts {
  readonly openapi: OpenApiDocument;
  readonly asyncapi: AsyncApiDocument;
  readonly routes: readonly RouteDescription[];
  readonly style: string;
  readonly examples: readonly { readonly language: string; readonly text: string }[];
}

/** `/relay/docs`: one page without script, from the two documents. */
export function toPage(parts: PageParts): string {
  const { openapi, asyncapi } = parts;
  const messages = Object.values(asyncapi.components.messages) as Message[];
  const told = new Set(messages.map(({ name }) => name));
  const types = Object.entries({ ...asyncapi.components.schemas, ...openapi.components.schemas })
    .filter(([id]) => !told.has(id))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const groups = [...Map.groupBy(parts.routes, route => route.group)];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>3CX Relay: the API</title>
<style>${new Html(parts.style)}</style>
</head>
<body>
<header>
<h1>3CX Relay</h1>
${paragraphs(String(openapi.info.description))}
<p>Version ${String(openapi.info.version)}. For programs: <a href="openapi.json">OpenAPI</a>, <a href="asyncapi.json">AsyncAPI</a>.</p>
</header>
<nav aria-label="On this page">
<ul>
<li><a href="#sign-in">Signing in</a></li>
<li><a href="#examples">Examples</a></li>
${groups.map(([group]) => html`<li><a href="#${slug(group)}">${group}</a></li>`)}
<li><a href="#socket">The socket</a></li>
<li><a href="#errors">Errors</a></li>
<li><a href="#types">Types</a></li>
</ul>
</nav>
<main>
<section aria-labelledby="sign-in">
<h2 id="sign-in">Signing in</h2>
<p>Send an API key as <code>Authorization: Bearer &lt;key&gt;</code> or <code>X-API-Key: &lt;key&gt;</code>. A key never goes into a URL. A
browser opens a socket or an event stream with a ticket of <code>POST /relay/tickets</code>, which is good once and briefly.</p>
</section>
<section aria-labelledby="examples">
<h2 id="examples">Examples</h2>
<p>Each works as it stands, keeps its position and goes on behind it when it is started again.</p>
${parts.examples.map(
  ({ language, text }) => html`<h3 id="example-${slug(language)}">${language}</h3>
<pre tabindex="0"><code>${text.trimEnd()}</code></pre>`,
)}
</section>
${groups.map(
  ([group, routes]) => html`<section aria-labelledby="${slug(group)}">
<h2 id="${slug(group)}">${group}</h2>
<p>${GROUPS[group]}</p>
${routes.map(route => routeSection(route, openapi))}
</section>`,
)}
${socket(messages, asyncapi)}
<section aria-labelledby="errors">
<h2 id="errors">Errors</h2>
<p>Every answer from 400 on is a <a href="#type-Problem">Problem</a> (RFC 9457). A program decides by its <code>code</code>:</p>
<dl class="fields">${PROBLEM_CODES.map(
    code => html`<div><dt><code>${code}</code> <span class="type">${statusOfProblem(code)}</span></dt>
<dd>${prose(PROBLEM_MEANINGS[code])}</dd></div>`,
  )}</dl>
</section>
<section aria-labelledby="types">
<h2 id="types">Types</h2>
${types.map(
  ([id, schema]) => html`<section class="named" aria-labelledby="type-${id}">
<h3 id="type-${id}">${id}</h3>
${typeof schema.description === 'string' ? paragraphs(schema.description) : []}
${typeBody(schema)}
</section>`,
)}
</section>
</main>
</body>
</html>
`.text;
}

interface Message {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly examples?: readonly { readonly payload: object }[];
}

function socket(messages: readonly Message[], { components }: AsyncApiDocument): Html {
  return html`<section aria-labelledby="socket">
<h2 id="socket">The socket</h2>
<p><code>GET /relay/ws</code>, upgraded to a WebSocket. The query may hold a first subscription: <code>channels</code>, <code>after</code>,
<code>dn</code>, <code>event</code>, <code>call</code>, <code>snapshot=1</code>.</p>
<h3 id="subprotocols">Subprotocols</h3>
<dl class="fields">${SUBPROTOCOLS.map(
    ({ name, meaning }) => html`<div><dt><code>${name}</code></dt><dd>${prose(meaning)}</dd></div>`,
  )}</dl>
<h3 id="close-codes">Close codes</h3>
<dl class="fields">${VERDICTS.map(
    ({
      code,
      reason,
      reconnect,
      meaning,
    }) => html`<div><dt><code>${code}</code> <span class="type">${reason}</span></dt>
<dd>${prose(meaning)}: <strong>${reconnect ? 'reconnect' : 'do not reconnect'}</strong></dd></div>`,
  )}<div><dt>any other</dt><dd>the connection was lost: <strong>reconnect</strong>, with growing, jittered waits</dd></div></dl>
${messages.map(
  ({ name, title, summary, examples }) => html`<section class="named" aria-labelledby="type-${name}">
<h3 id="type-${name}">${name} <code>${title}</code></h3>
<p>${prose(summary)}</p>
${typeBody(components.schemas[name] ?? {})}
${(examples ?? []).map(
  ({ payload }) => html`<details><summary>An example</summary>
<pre tabindex="0"><code>${JSON.stringify(payload, null, 2)}</code></pre></details>`,
)}
</section>`,
)}
</section>`;
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}
