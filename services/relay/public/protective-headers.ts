/** Nothing that answers under `/relay` is a page. Without helmet's defaults, which allow inline styles. */
export const NOTHING_ALLOWED = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
};

/**
 * What helmet sets in the app, for refusals that come before it and are written by hand: those of its headers that keep a
 * browser from taking an answer for something else. A test compares them with the app's.
 */
export const PROTECTIVE_HEADERS = {
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;
