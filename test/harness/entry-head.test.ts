import { expect, test } from 'vitest';
import { POSITION_BYTES, readEntryHead } from './entry-head.ts';

const POSITION = 'mx2z9gch_0000000000012345';
const read = (text: string) => readEntryHead(Buffer.from(text));

test('the head of an entry is read from its bytes: number, position and where the body goes on', () => {
  const text = `{"type":"call_event","id":"${POSITION}","event":"ü"}`;
  const head = read(text);
  expect(head).toMatchObject({ seq: 12_345, isGap: false });
  expect(text.slice(head?.positionAt).slice(0, POSITION_BYTES)).toBe(POSITION);
  expect(text.slice(head?.end)).toBe('"event":"ü"}');
  expect(read(`{"type":"gap","id":"${POSITION}","reason":"pbx"}`)).toMatchObject({ seq: 12_345, isGap: true });
});

test.each([
  '',
  '{"type":"hello"}',
  '{"type":"gap","id":null,"from":1}',
  `{"type":"call_event","id":"${POSITION}"}`,
  `{"type":"call_event","id":"${POSITION.replace('_', '-')}","a":1}`,
  `{"type":"call_event","id":"${POSITION.slice(0, -1)}","a":1}`,
  `{"type":"call_event","id":"${POSITION.slice(0, -1)}x","a":1}`,
  `{"type":"CALL","id":"${POSITION}","a":1}`,
])('%s is no entry', text => {
  expect(read(text)).toBeNull();
});
