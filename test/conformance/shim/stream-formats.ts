import { jsonFormat, type StreamFormat } from '@3cx-relay/relay/streams/stream-format.ts';

/** The content types that no channel has: text goes into events line by line, anything else in base64. */
export function formatOf(contentType: string): StreamFormat {
  const type = mediaType(contentType);
  if (type === 'application/json') return jsonFormat;
  return type.startsWith('text/') ? textFormat(contentType) : binaryFormat(contentType);
}

export function mediaType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

function textFormat(contentType: string): StreamFormat {
  return {
    contentType,
    eventHeaders: {},
    toBody: parts => Buffer.concat(parts),
    toDataLines: parts => {
      const lines = String(Buffer.concat(parts)).split(/\r\n|\r|\n/);
      // One space after the colon is not part of the line: a line that begins with one needs another.
      return Buffer.from(lines.map(line => `data:${line.startsWith(' ') ? ' ' : ''}${line}\n`).join(''));
    },
  };
}

function binaryFormat(contentType: string): StreamFormat {
  return {
    contentType,
    eventHeaders: { 'stream-sse-data-encoding': 'base64' },
    toBody: parts => Buffer.concat(parts),
    toDataLines: parts => Buffer.from(`data:${Buffer.concat(parts).toString('base64')}\n`),
  };
}
