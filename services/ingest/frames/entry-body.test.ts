import { expect, test } from 'vitest';
import { callEventBody, pbxGapBody, sampleOf } from './entry-body.ts';

const AT = Date.UTC(2026, 2, 2, 9, 14, 7, 201);

test('a body is JSON in the agreed order, with the frame byte for byte', () => {
  const frame = '{"sequence": 18,"event":{"event_type":0 }}';
  const body = callEventBody({
    at: AT,
    events: ['call.started', 'call.ringing'],
    frame,
    participantJson: '{"id":1}',
    callJson: '{"callId":"x"}',
    isRepeat: true,
    unresolved: 'failed',
  });
  expect(body).toBe(
    `{"at":"2026-03-02T09:14:07.201Z","event":"call.ringing","events":["call.started","call.ringing"],"data":${frame},"participant":{"id":1},"call":{"callId":"x"},"repeat":true,"unresolved":"failed"}`,
  );
});

test('a body without frame says where it comes from and leaves out what does not apply', () => {
  const body = callEventBody({
    at: AT,
    events: ['call.ended'],
    frame: null,
    participantJson: null,
    callJson: null,
    origin: 'grace',
  });
  expect(JSON.parse(body)).toEqual({
    at: '2026-03-02T09:14:07.201Z',
    event: 'call.ended',
    data: null,
    participant: null,
    call: null,
    origin: 'grace',
  });
});

test('a gap whose beginning nobody knows has none', () => {
  expect(JSON.parse(pbxGapBody(AT, { from: null, to: AT, detail: 'x' }))).not.toHaveProperty('from');
  expect(JSON.parse(pbxGapBody(AT, { from: AT - 1, to: AT, detail: 'x' }))).toMatchObject({
    lost: null,
    reason: 'pbx_disconnected',
  });
});

test('a sample is text where it is text, base64 where it is not, and short', () => {
  expect(sampleOf(Buffer.from('not json'))).toEqual({ bytes: 8, sample: 'not json', encoding: 'text' });
  expect(sampleOf(Buffer.from([0xff, 0xfe, 0x00]))).toEqual({ bytes: 3, sample: '//4A', encoding: 'base64' });
  const cut = sampleOf(Buffer.from('ä'.repeat(5_000).slice(0, 4_999), 'utf8'));
  expect([cut.bytes, cut.encoding]).toEqual([9_998, 'text']);
  expect(cut.sample.length).toBeLessThan(2_049);
});
