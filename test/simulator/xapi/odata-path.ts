/** What stands after `/xapi/v1/`: `Users`, `Users(12)`, `ActiveCalls(3)/Pbx.DropCall`, `X/Pbx.Get(a=1,b='two')`. */
export type ResourcePath = {
  set: string;
  key: string | null;
  operation: string | null;
  args: ReadonlyMap<string, string>;
};

const RESOURCE = /^([A-Za-z]\w*)(?:\(([^()]*)\))?(?:\/(Pbx\.\w+)(?:\((.*)\))?)?$/;
/** A quote inside a text is doubled. */
const ARGUMENT = /\s*(\w+)\s*=\s*('(?:[^']|'')*'|[^,']*)\s*(?:,|$)/y;

/** Null when nothing can be called that. Texts keep their content only, without the quotes. */
export function parseResourcePath(encoded: string): ResourcePath | null {
  const match = RESOURCE.exec(decoded(encoded));
  const set = match?.[1];
  if (!match || set === undefined) return null;
  const args = parseArguments(match[4] ?? '');
  return args && { set, key: match[2] ?? null, operation: match[3] ?? null, args };
}

function parseArguments(text: string): Map<string, string> | null {
  const args = new Map<string, string>();
  ARGUMENT.lastIndex = 0;
  while (ARGUMENT.lastIndex < text.length) {
    const match = ARGUMENT.exec(text);
    if (match?.[1] === undefined) return null;
    args.set(match[1], unquoted(match[2] ?? ''));
  }
  return args;
}

export function unquoted(literal: string): string {
  return literal.startsWith("'") ? literal.slice(1, -1).replaceAll("''", "'") : literal.trim();
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
}
