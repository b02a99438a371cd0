import { relayConfig } from '@3cx-relay/relay/config.ts';
import { SILENT_AFTER_MS } from '@3cx-relay/shared/runtime/silence.ts';
import { expect, test } from 'vitest';
import { startTestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';

test('a relay that waits for a silent log as long as it may never finds the log gone', async () => {
  const longestS = longestBlockMs() / 1_000;
  const relay = await startTestRelay({ RELAY_BLOCK_MS: String(longestS * 1_000) });
  const seen: number[] = [];
  const silentFor = async () => {
    seen.push(await relay.metric('relay_reader_silent_seconds'));
    return seen.at(-1) ?? 0;
  };
  try {
    for (let waits = 0; waits < 2; waits += 1) {
      await waitFor(async () => (await silentFor()) > longestS * 0.7, { what: 'a wait to go on', everyMs: 20 });
      await waitFor(async () => (await silentFor()) < longestS * 0.7, { what: 'the next wait', everyMs: 20 });
    }
    expect(Math.max(...seen)).toBeLessThan(SILENT_AFTER_MS / 1_000);
  } finally {
    await relay.stop();
  }
});

/** The longest wait that the settings of a relay allow. */
function longestBlockMs(): number {
  const allowed = Array.from({ length: 200 }, (_, n) => (n + 1) * 100).filter(
    ms => relayConfig.RELAY_BLOCK_MS.safeParse(String(ms)).success,
  );
  return Math.max(...allowed);
}
