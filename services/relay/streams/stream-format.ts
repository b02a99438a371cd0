/** How the messages of a stream of one content type become bodies and events. */
export interface StreamFormat {
  readonly contentType: string;
  /** Headers that tell how events are encoded. */
  readonly eventHeaders: Readonly<Record<string, string>>;
  toBody(parts: readonly Buffer[]): Buffer;
  /** The `data:` lines of one event, each with its line break. */
  toDataLines(parts: readonly Buffer[]): Buffer;
}

const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');
const DATA = Buffer.from('data:');
const LINE_BREAK = Buffer.from('\n');

/** JSON mode: an array of the messages. A part is one or several of them, joined by commas, without line breaks. */
export const jsonFormat: StreamFormat = {
  contentType: 'application/json',
  eventHeaders: {},
  toBody: parts => Buffer.concat(toArray(parts)),
  toDataLines: parts => Buffer.concat([DATA, ...toArray(parts), LINE_BREAK]),
};

function toArray(parts: readonly Buffer[]): Buffer[] {
  return [OPEN, ...parts.flatMap((part, index) => (index === 0 ? [part] : [COMMA, part])), CLOSE];
}
