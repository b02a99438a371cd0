import { createRequire } from 'node:module';
import type { Link, Span, SpanContext } from '@opentelemetry/api';

/** As prom-client has it, which requires it: imported, the same would be loaded again in its other form, in 51 modules. */
const { isSpanContextValid, SpanKind, trace } = createRequire(import.meta.url)(
  '@opentelemetry/api',
) as typeof import('@opentelemetry/api');

/**
 * Traces from a frame of the PBX to its delivery and its row, for whoever registers a tracer in the process
 * (`NODE_OPTIONS=--import …`); the product brings none. Without one nothing is stored and almost nothing is done.
 *
 * Beyond the log work is done in batches, so that a batch has a span of its own with a link to the trace of each entry.
 */
const TRACER = '3cx-relay';
/** Further links of a batch tell nothing new, and a batch has thousands of entries. */
const MAX_LINKS = 128;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What an entry carries of the trace it belongs to: `traceparent` as W3C Trace Context spells it. */
export interface Traced {
  readonly trace?: string;
}

export interface FrameTrace {
  readonly traceparent: string;
  /** When the frame has become an entry. */
  end(attributes: Readonly<Record<string, string | number>>): void;
}

/** `at` is when the frame arrived, Unix ms. Null without a tracer, or when it does not record this one. */
export function traceFrame(at: number): FrameTrace | null {
  const span = trace.getTracer(TRACER).startSpan('pbx.frame', { kind: SpanKind.CONSUMER, startTime: at });
  if (!span.isRecording()) return null;
  return {
    traceparent: toTraceparent(span.spanContext()),
    end(attributes) {
      span.setAttributes(attributes);
      span.end();
    },
  };
}

/** Undefined when no entry belongs to a trace. */
export function traceBatch(name: string, channel: string, entries: readonly Traced[]): Span | undefined {
  const links: Link[] = [];
  for (const { trace: traceparent } of entries) {
    const context = traceparent === undefined ? null : parseTraceparent(traceparent);
    if (context) links.push({ context });
    if (links.length === MAX_LINKS) break;
  }
  if (links.length === 0) return undefined;
  const attributes = { 'relay.channel': channel, 'relay.entries': entries.length };
  return trace.getTracer(TRACER).startSpan(name, { attributes, links });
}

function toTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function parseTraceparent(text: string): SpanContext | null {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(text) ?? [];
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(context) ? context : null;
}
