// A slice of `npm run fuzz` with seeds that never change; the command tries others for longer, and times them.

import { ANY_TIME, fuzz } from '../fuzz/fuzz.ts';

it.each([1, 2])('whatever octets come, nothing throws or lingers: seed %i', (seed) => {
  const { failure, executions } = fuzz(seed, (soFar) => soFar < 1_200, undefined, ANY_TIME);
  expect(failure).toBeUndefined();
  expect(executions.speaker).toBeGreaterThan(200);
});
