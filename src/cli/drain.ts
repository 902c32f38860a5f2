// `drain` and `undrain`: ask for it, then look until every peer has been sent the change, or until the time is up.

import { EXIT_USAGE } from '../config/config.ts';
import type { DrainAnswer, DrainRequest } from '../control/schema.ts';
import { type Call, CONTROL, EXIT_DEGRADED, EXIT_OK, fetchFrom, OUTPUT, show } from './call.ts';
import type { Flag } from './flags.ts';
import { formatDrain } from './format.ts';

const DEFAULT_TIMEOUT_SECONDS = 60;
const LOOK_EVERY_MS = 100;

export const DRAIN_FLAGS: readonly Flag[] = [
  {
    flag: '--timeout',
    value: 'SECONDS',
    help: `how long to wait; ${DEFAULT_TIMEOUT_SECONDS} unless told, 0 only asks`,
  },
  OUTPUT,
  CONTROL,
];

/** @returns the exit code. */
export async function drain(call: Call, wanted: boolean): Promise<number> {
  const { flags, world } = call;
  const text = flags.get('--timeout') ?? String(DEFAULT_TIMEOUT_SECONDS);
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text)) {
    world.say(
      `mesos-bgp: --timeout ${JSON.stringify(text)} is not usable: accepted are seconds, as in 60 or 0.5`,
    );
    return EXIT_USAGE;
  }
  const until = performance.now() + Number(text) * 1000;
  const done: DrainAnswer['state'] = wanted ? 'drained' : 'off';
  const under: DrainAnswer['state'] = wanted ? 'draining' : 'undraining';
  let answer = await fetchFrom<DrainAnswer>(call, '/v1/drain', { drain: wanted } satisfies DrainRequest);
  while (typeof answer !== 'number' && answer.state === under && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    answer = await fetchFrom<DrainAnswer>(call, '/v1/drain');
  }
  if (typeof answer === 'number') return answer;
  const shown = answer;
  await show(call, shown, () => formatDrain(shown, world.terminal));
  if (shown.state === done || (shown.state === under && Number(text) === 0)) return EXIT_OK;
  world.say(
    shown.state === under
      ? `mesos-bgp: not every peer has been sent the change within ${text} s; it stays in force: "mesos-bgp status" shows how far it is`
      : `mesos-bgp: somebody else asked for the opposite meanwhile: the state is ${shown.state}`,
  );
  return EXIT_DEGRADED;
}
