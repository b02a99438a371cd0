/**
 * For `keepAliveTimeout` of every HTTP server. Longer than nginx (60 s) and others keep a connection that nothing goes
 * over: the one that asks has to close it, or a request meets a server that is just closing, and nobody knows whether it
 * was done.
 */
export const KEEP_ALIVE_MS = 65_000;
