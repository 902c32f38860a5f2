// A slice of `npm run fuzz` with seeds that never change; the command tries others for longer.

import { fuzz } from '../fuzz/fuzz.ts';

it.each([1, 2])('whatever octets come, nothing throws, lingers or takes long: seed %i', (seed) => {
  const { failure, executions } = fuzz(seed, (soFar) => soFar < 1_200);
  expect(failure).toBeUndefined();
  expect(executions.speaker).toBeGreaterThan(200);
});
