import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFrame } from './frame.ts';

function frameOf(raw: string) {
  const parsed = parseFrame(raw);
  if ('unreadable' in parsed) throw new Error(parsed.unreadable);
  return parsed.frame;
}

describe('a frame', () => {
  test('names the participant it is about and keeps its own text', () => {
    const raw =
      '{"sequence":18,"event":{"event_type":0,"entity":"/callcontrol/150/participants/8107","attached_data":null}}';
    expect(frameOf(raw)).toEqual({
      sequence: 18,
      eventType: 0,
      dtmf: null,
      entity: '/callcontrol/150/participants/8107',
      subject: { kind: 'participant', dn: '150', id: 8107 },
      text: raw,
    });
  });

  test.each([
    ['/callcontrol/150/devices/sip%3A150%40127.0.0.1', { kind: 'device', dn: '150', deviceId: 'sip:150@127.0.0.1' }],
    ['/callcontrol/150', { kind: 'device', dn: '150', deviceId: null }],
    ['/callcontrol/a%20b/participants/1', { kind: 'participant', dn: 'a b', id: 1 }],
    ['/callcontrol/150/participants/-1', { kind: 'other', dn: '150' }],
    ['/callcontrol/150/queues/1', { kind: 'other', dn: '150' }],
    ['../../etc/passwd', { kind: 'other', dn: null }],
    ['/callcontrol/%ff/participants/1', { kind: 'participant', dn: '%ff', id: 1 }],
  ])('about %s is about %j', (entity, subject) => {
    expect(frameOf(JSON.stringify({ sequence: 1, event: { event_type: 0, entity } })).subject).toEqual(subject);
  });

  test('of an unknown type, without a number or with attached data is a frame', () => {
    const frame = frameOf('{"event":{"event_type":99,"entity":null,"attached_data":{"dtmf_input":"5"}}}');
    expect(frame).toMatchObject({ eventType: 99, sequence: null, subject: { kind: 'other', dn: null } });
  });

  test.each([
    [{ dtmf_input: '5' }, '5'],
    [{ dtmf_input: 5 }, '5'],
    ['{"dtmf_input":"1234#"}', '1234#'],
    ['5', null],
    ['not JSON', null],
    [null, null],
  ])('of pressed keys tells them, as an object or as text: %j', (attached_data, keys) => {
    const event = { event_type: 2, entity: '/callcontrol/1/participants/1', attached_data };
    expect(frameOf(JSON.stringify({ event })).dtmf).toBe(keys);
  });

  test('with line breaks is put on one line and means the same', () => {
    const value = {
      sequence: 1,
      event: { event_type: 2, entity: '/callcontrol/1/participants/1', attached_data: 'a\nb' },
    };
    const { text } = frameOf(JSON.stringify(value, null, 2).replaceAll('\n', '\r\n'));
    expect(text).not.toMatch(/[\r\n]/);
    expect(JSON.parse(text)).toEqual(value);
  });

  test.each([
    '',
    'null',
    '[]',
    '42',
    '{}',
    '{"event":null}',
    '{"event":{"event_type":"0"}}',
    '{"event":{"event_type":0}',
  ])('is not %j, and the reason is said', raw => {
    expect(parseFrame(raw)).toMatchObject({ unreadable: expect.stringMatching(/\w/) });
  });

  test('is read or refused with a reason, whatever comes', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.json().map(json => `{"event":${json}}`),
    );
    fc.assert(
      fc.property(anything, raw => {
        const parsed = parseFrame(raw);
        if ('frame' in parsed) expect(JSON.parse(parsed.frame.text)).toEqual(JSON.parse(raw));
      }),
    );
  });
});
