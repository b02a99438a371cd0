/**
 * JSON as it stands in Redis: text of an object that we, an older or a newer version wrote, and that goes on to clients
 * without being parsed.
 */

/**
 * Only its ends are looked at: to parse everything on its way to the clients would cost more than all the rest.
 * Between the braces stands a member, so that text can be put in front of it.
 */
export function isObjectText(text: string): boolean {
  return /^\{\s*"/.test(text) && text.endsWith('}');
}

/** The members, whatever they are; null when it is no object. */
export function parseStored<Shape extends object>(text: string): Partial<Shape> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Partial<Shape>) : null;
  } catch {
    return null;
  }
}
