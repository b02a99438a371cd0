import { z } from 'zod';

/**
 * What of a value a schema does not say: the schemas of the wire are open for a reader's sake, and a field that was
 * added and never described would pass them. Here they are closed, and what is published of them, not the schema
 * itself, judges.
 */
export function createTeller(schema: z.ZodType): (value: unknown) => string[] {
  const published = z.toJSONSchema(schema, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.properties) jsonSchema.additionalProperties = false;
    },
  });
  const closed = z.fromJSONSchema(published);
  return value => {
    const { error } = closed.safeParse(value);
    return error ? [`${z.prettifyError(error)}\n${JSON.stringify(value)}`] : [];
  };
}
