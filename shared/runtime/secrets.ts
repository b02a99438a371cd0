/**
 * What counts as a secret, wherever text of ours leaves a process: log lines and error entries follow the same rule.
 */
export const REDACTED = '[redacted]';

const SECRET_NAME = /(authorization|cookie|password|apikey|secret|token)$/;

/** Compared without case and separators, by its end: `ADMIN_SECRET` and `x-api-key` are secrets, too. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/\b3cxr_[0-9a-f]{8,}/gi, `3cxr_${REDACTED}`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  // User and password of a connection string.
  [/:\/\/[^\s/@]*:[^\s/@]+@/g, `://${REDACTED}@`],
  // A JWT, with or without its signature.
  [/\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, REDACTED],
  [/\b([\w-]{0,40}(?:secret|password|token|api_?key))=[^\s&;,"']+/gi, `$1=${REDACTED}`],
  // The same as JSON, also as JSON within JSON: the body of an answer that nobody understood.
  [
    /(\\{0,8}["'])([\w-]*(?:secret|password|token|api_?key|authorization))\1\s*:\s*\1[^"'\\]+/gi,
    `$1$2$1:$1${REDACTED}`,
  ],
  [/\b(x-api-key)\s*[:=]\s*[^\s,;"']+/gi, `$1: ${REDACTED}`],
];

/** Texts come from servers and libraries, which put into an error message what they were given. */
export function redactText(text: string): string {
  return SECRET_TEXTS.reduce((redacted, [pattern, replacement]) => redacted.replace(pattern, replacement), text);
}
