// Property tests draw the same examples in every run, so that a change is judged by what it changes.
// `FC_SEED=$RANDOM npx jest test/property` draws others; a failure prints its seed.

import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 4271) });
