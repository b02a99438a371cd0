/**
 * Ms of silence after which something counts as gone, the same for whoever judges: a server that is asked each second, a
 * process that says each second that it runs, the log that is read all the time.
 *
 * Who asks is to know within five seconds, so that looks and answers that are kept for a moment must fit in what is left,
 * on a busy machine, too. A shorter time would tell of restarts that nobody notices.
 */
export const SILENT_AFTER_MS = 3_500;
