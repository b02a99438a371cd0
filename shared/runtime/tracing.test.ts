import { afterEach, expect, it } from 'vitest';
import { recordSpans } from '../../test/harness/recorded-spans.ts';
import { traceBatch, traceFrame } from './tracing.ts';

let recorded: ReturnType<typeof recordSpans> | undefined;

afterEach(() => {
  recorded?.stop();
  recorded = undefined;
});

it('without a tracer a frame has no trace, and a batch whose entries have some from elsewhere costs no span', () => {
  expect(traceFrame(Date.now())).toBeNull();
  expect(traceBatch('relay.deliver', 'calls', [{}, {}])).toBeUndefined();
});

it('with one the trace of each frame is linked by the span of the batch', () => {
  recorded = recordSpans();
  const traces = [traceFrame(1), traceFrame(2)];
  for (const each of traces) each?.end({});
  expect(traces[0]?.traceparent).toBe(`00-${'1'.padStart(32, 'a')}-${'1'.padStart(16, 'b')}-01`);
  const entries = [{}, ...traces.map(each => ({ trace: each?.traceparent ?? '' })), { trace: 'nonsense' }];
  traceBatch('relay.deliver', 'calls', entries)?.end();
  const [first, second, batch] = recorded.spans;
  expect(batch).toMatchObject({ name: 'relay.deliver', links: [first?.context.traceId, second?.context.traceId] });
  expect(recorded.spans.every(({ isEnded }) => isEnded)).toBe(true);
});
