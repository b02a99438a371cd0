import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';

/**
 * The same sink for single questions that failed. While all of a component is away, that is what was told, and each
 * question that fails because of it is no news.
 */
export interface QuietSink extends ErrorSink {
  /** Nothing is quiet until somebody can say what is away. */
  quietWhile(isAway: (component: string) => boolean): void;
}

export function createQuietSink(errors: ErrorSink | undefined): QuietSink {
  let isAway: (component: string) => boolean = () => false;
  return {
    logError(component, severity, message, details) {
      if (!isAway(component)) errors?.logError(component, severity, message, details);
    },
    quietWhile(told) {
      isAway = told;
    },
  };
}
