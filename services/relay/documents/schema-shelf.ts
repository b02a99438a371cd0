import { z } from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Turns zod schemas into JSON Schema; whatever has an id stands once on the shelf and is referred to from elsewhere. */
export interface SchemaShelf {
  /** What a client sends and gets is the input side: before transformations, and open where the schema is open. */
  put(schema: z.ZodType): JsonSchema;
  /** By id. */
  readonly schemas: Readonly<Record<string, JsonSchema>>;
}

const REFERENCE = '#/components/schemas/';

export function createSchemaShelf(target: 'draft-2020-12' | 'draft-07'): SchemaShelf {
  const schemas: Record<string, JsonSchema> = {};
  return {
    schemas,
    put(schema) {
      const { $schema: _, $defs, definitions, ...own } = z.toJSONSchema(schema, { io: 'input', target });
      // Where the shared schemas stand depends on the draft.
      const shared = { ...$defs, ...(definitions as typeof $defs) };
      for (const [id, { $id: _, id: __, ...rest }] of Object.entries(shared)) schemas[id] = toShelf(rest) as JsonSchema;
      return toShelf(own) as JsonSchema;
    },
  };
}

/** References point to the shelf, and what admits anything is spelled `true`, not `{}`. */
function toShelf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toShelf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (name === '$ref') return [name, String(each).replace(/^#\/(?:\$defs|definitions)\//, REFERENCE)];
      if (name === 'additionalProperties' && isEmpty(each)) return [name, true];
      return [name, toShelf(each)];
    }),
  );
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
