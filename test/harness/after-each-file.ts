import { afterAll } from 'vitest';
import { endWhatIsLeft } from './processes.ts';

/** Set up for every test file: a module that several files share would register its hooks for the first of them alone. */
afterAll(endWhatIsLeft);
