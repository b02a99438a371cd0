import { parseArgs } from 'node:util';
import { fanOutCurves } from './curves/fan-out-curves.ts';
import { historyCurve } from './curves/history-curve.ts';
import { logCurves } from './curves/log-curves.ts';
import { positive } from './frame/options.ts';
import { runRow } from './frame/run-row.ts';
import { sizes } from './frame/sizes.ts';

/**
 * How cost grows with work: `npm run bench -- curves`.
 *
 * Method. Everything stays as it is in P1 but one amount: the number of clients (at 100 events/s), of events a second (for
 * 20 clients), of entries in the log (what an append, a client that joins and Redis' memory then cost), and of rows in
 * PostgreSQL (a page from a place that is drawn at random). One run for each amount. The amounts are options; the defaults
 * take some minutes, those of README.md, up to ten million entries and fifty million rows, a quarter of an hour.
 */
const { values } = parseArgs({
  options: {
    clients: { type: 'string' },
    rates: { type: 'string' },
    log: { type: 'string' },
    history: { type: 'string' },
    seconds: { type: 'string' },
    runs: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const amounts = {
  clients: sizes('clients', values.clients ?? (values.quick ? '10,100' : '10,50,200,1000,2000')),
  rates: sizes('rates', values.rates ?? (values.quick ? '10,1000' : '10,100,1000,5000,10000')),
  log: sizes('log', values.log ?? (values.quick ? '10000,50000' : '10000,100000,1000000')),
  history: sizes('history', values.history ?? (values.quick ? '10000,100000' : '100000,1000000,3000000')),
};

await runRow({
  row: 'curves',
  title: 'how cost grows with work',
  maxSeconds: 4 * 3_600,
  options: { quick: values.quick, runs: 1, seconds: positive('--seconds', values.seconds) ?? (values.quick ? 2 : 8) },
  async measure(work) {
    const curves = [
      ...(await fanOutCurves(work, amounts)),
      ...(await logCurves(work, amounts.log)),
      await historyCurve(work, amounts.history),
    ];
    return { settings: amounts, measures: [], curves };
  },
});
