import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';
import type { PublicProblemCode } from '@3cx-relay/shared/wire/problem.ts';
import type { z } from 'zod';

/**
 * What is published of a route. It stands beside the code that answers and holds the very schemas that validate, so
 * that the documents cannot say something else; a test refuses a route without one.
 */
export interface RouteDescription {
  readonly method: 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete';
  /** With braces, for example `/relay/calls/{callId}`. */
  readonly path: string;
  /** Unique, in lower camel case: generated clients name their functions after it. */
  readonly operationId: string;
  readonly group: RouteGroup;
  /** One line. */
  readonly summary: string;
  /** Markdown: paragraphs and code in backticks. */
  readonly description?: string;
  /** Null: anybody may ask. */
  readonly permission: Permission | null;
  /** Whether a ticket will do in place of a key, as `?ticket=`. */
  readonly takesTicket?: boolean;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Names in lower case. */
  readonly headers?: z.ZodObject;
  /** Of a JSON body. */
  readonly body?: RouteBody;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** Besides what every route may answer, see `problemsOf`. */
  readonly problems: readonly PublicProblemCode[];
}

/** The chapters of the documents. */
export const GROUPS = {
  Events: 'The log over HTTP.',
  Calls: 'What is going on now, and what was.',
  'Call control': 'What a program does to calls. The PBX executes it, at most once.',
  Records: "The PBX's own records of calls and agents.",
  History: 'What was, for auditors: persisted, searchable, for export.',
  Access: 'Letting a browser in.',
  Operation: 'How the relay is.',
  Documents: 'This description, for programs and people.',
} as const;

export type RouteGroup = keyof typeof GROUPS;

export interface RouteBody {
  readonly schema: z.ZodType;
  readonly example?: unknown;
}

export interface RouteAnswer {
  readonly description: string;
  /** By media type; none when the answer has no body. */
  readonly content?: Readonly<Record<string, RouteContent>>;
  /** Header name → what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteContent {
  /** Of the whole body for JSON; of one line or one message for a stream. Absent: only the media type is known. */
  readonly schema?: z.ZodType;
  readonly example?: unknown;
}

/** A key that is missing, wrong or too weak meets every route that needs one, and so does a store that is away. */
export function problemsOf(route: RouteDescription): PublicProblemCode[] {
  const ofKeys: PublicProblemCode[] = [
    ...(['unauthenticated', 'forbidden', 'address_not_allowed'] as const),
    ...(['too_many_failures', 'too_many_requests', 'unavailable'] as const),
  ];
  return [...new Set<PublicProblemCode>([...route.problems, ...(route.permission === null ? [] : ofKeys), 'internal'])];
}
