import { type Span, type SpanContext, type SpanOptions, type Tracer, trace } from '@opentelemetry/api';

export type RecordedSpan = { name: string; context: SpanContext; links: string[]; isEnded: boolean };

/** A tracer of this process that remembers; to be ended, or other files would be traced, too. */
export function recordSpans(): { spans: RecordedSpan[]; stop(): void } {
  const spans: RecordedSpan[] = [];
  let n = 0;
  const startSpan = (name: string, options: SpanOptions = {}): Span => {
    n += 1;
    const context = { traceId: `${n}`.padStart(32, 'a'), spanId: `${n}`.padStart(16, 'b'), traceFlags: 1 };
    const links = (options.links ?? []).map(link => link.context.traceId);
    const recorded: RecordedSpan = { name, context, links, isEnded: false };
    spans.push(recorded);
    const span = {
      spanContext: () => context,
      isRecording: () => true,
      setAttributes: () => span,
      end: () => {
        recorded.isEnded = true;
      },
    };
    return span as unknown as Span;
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as unknown as Tracer });
  return { spans, stop: () => trace.disable() };
}
