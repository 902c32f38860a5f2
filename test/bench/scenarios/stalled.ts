// Receivers that stop reading while the table is on its way to them: memory is bounded, the others go on, and those that read
// again end with everything.

import { announcements, type FeedShape } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { firstTags, type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const PER_SET = 5;
const OTHERS = 10;

const variant = (prefixes: number, stalled: number): Variant => ({
  id: `stalled ${stalled}`,
  title: `${short(prefixes)} prefixes → ${OTHERS} receivers, beside ${stalled} that do not read`,
  leaveOut: ['gobgp', 'openbgpd'],
  run: (trial) => stall(trial, { family: 'ipv4', prefixes, perSet: PER_SET }, stalled),
});

async function stall(trial: Trial, shape: FeedShape, stalled: number): Promise<Result[]> {
  const asNumbers = Array.from({ length: 1 + OTHERS + stalled }, () => DAEMON_AS);
  await trial.start({ family: shape.family, asNumbers, reflector: true });
  const [sender, ...receivers] = trial.clients;
  const tags = firstTags(Math.ceil(shape.prefixes / shape.perSet));
  trial.receivers(receivers, { ...shape, tags });
  const [reading, waiting] = [receivers.slice(0, OTHERS), receivers.slice(OTHERS)];
  for (const client of waiting) client.stall();
  const full = announcements({
    ...shape,
    nextHop: clientOctets(shape.family, 0),
    asPath: [],
    localPref: 100,
  });
  const others = await trial.measure('others', reading, () => sender!.send(full));
  const results = [result(trial, 'those that read', others)];
  if (waiting.length === 0) return results;
  const again = await trial.measure('stalled', waiting, () => {
    for (const client of waiting) client.resume();
  });
  return [...results, result(trial, 'those that read again', again)];
}

export const STALLED: Scenario = {
  id: 'stalled',
  title: 'receivers that do not read',
  target: 'memory bounded; the others as fast as without them',
  variants: (sizes) => (sizes ?? [200_000]).flatMap((size) => [variant(size, 0), variant(size, 100)]),
};
