import type { JsonSchema } from '../schema-shelf.ts';
import { type Html, html, join, NOTHING, prose } from './html.ts';

/** A field as the page tells it. Nested objects are told by dotted names, so that a narrow screen holds them too. */
export interface Field {
  readonly name: string;
  readonly isOptional: boolean;
  readonly schema: JsonSchema;
}

export function fieldsOf(schema: JsonSchema, prefix = ''): Field[] {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const required = (schema.required ?? []) as readonly string[];
  return Object.entries(properties).flatMap(([name, own]) => {
    const field = { name: prefix + name, isOptional: !required.includes(name), schema: own };
    const items = own.items as JsonSchema | undefined;
    if (own.properties) return [field, ...fieldsOf(own, `${prefix}${name}.`)];
    if (items?.properties) return [field, ...fieldsOf(items, `${prefix}${name}[].`)];
    return [field];
  });
}

export function fieldList(fields: readonly Field[]): Html {
  if (fields.length === 0) return NOTHING;
  return html`<dl class="fields">${fields.map(toRow)}</dl>`;
}

function toRow({ name, isOptional, schema }: Field): Html {
  const notes = [
    typeof schema.description === 'string' ? prose(schema.description) : NOTHING,
    schema.default === undefined ? NOTHING : html`Default <code>${String(schema.default)}</code>.`,
    limitsOf(schema),
  ].filter(note => note !== NOTHING);
  return html`<div>
<dt><code>${name}</code> <span class="type">${typeOf(schema)}${isOptional ? ', optional' : ''}</span></dt>
<dd>${join(notes, ' ')}</dd>
</div>`;
}

function limitsOf({ minimum, maximum }: JsonSchema): Html {
  const isLimit = (value: unknown): value is number => typeof value === 'number' && Math.abs(value) < 2 ** 53 - 1;
  if (isLimit(minimum) && isLimit(maximum)) return html`From ${minimum} to ${maximum}.`;
  return NOTHING;
}

/** The type in words, with links to types that have names. */
export function typeOf(schema: JsonSchema): Html {
  if (typeof schema.$ref === 'string') return link(schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1));
  const choices = (schema.anyOf ?? schema.oneOf ?? schema.allOf) as readonly JsonSchema[] | undefined;
  if (choices) return join(choices.map(typeOf), ' or ');
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (Array.isArray(schema.enum))
    return join(
      schema.enum.map(value => html`<code>${String(value)}</code>`),
      ' | ',
    );
  if (Array.isArray(schema.type)) return html`${schema.type.join(' or ')}`;
  if (schema.type === 'array') return html`list of ${typeOf(schema.items as JsonSchema)}`;
  const others = schema.additionalProperties;
  if (schema.type === 'object' && typeof others === 'object' && others !== null) {
    return html`${typeOf(others as JsonSchema)} by name`;
  }
  return html`${typeof schema.type === 'string' ? schema.type : 'anything'}`;
}

export function link(id: string): Html {
  return html`<a href="#type-${id}">${id}</a>`;
}

/** What a named type is: its fields, or its choices. */
export function typeBody(schema: JsonSchema): Html {
  const fields = fieldsOf(schema);
  return fields.length > 0 ? fieldList(fields) : html`<p class="type">${typeOf(schema)}</p>`;
}
