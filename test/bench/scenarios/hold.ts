// Sessions with the shortest hold time there is, while a table of the largest size loads: none may be lost.

import { announcements, type FeedShape } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { firstTags, type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const PER_SET = 5;
const HOLD_SECONDS = 3;
const BYSTANDERS = 50;

const variant = (prefixes: number): Variant => ({
  id: `hold ${short(prefixes)}`,
  title: `${short(prefixes)} prefixes → ${BYSTANDERS} receivers, all sessions with a hold time of ${HOLD_SECONDS} s`,
  leaveOut: ['frr', 'gobgp', 'openbgpd'],
  run: (trial) => load(trial, { family: 'ipv4', prefixes, perSet: PER_SET }),
});

async function load(trial: Trial, shape: FeedShape): Promise<Result[]> {
  const asNumbers = Array.from({ length: 1 + BYSTANDERS }, () => DAEMON_AS);
  await trial.start({ family: shape.family, asNumbers, reflector: true, holdSeconds: HOLD_SECONDS });
  const [sender, ...receivers] = trial.clients;
  trial.receivers(receivers, { ...shape, tags: firstTags(Math.ceil(shape.prefixes / shape.perSet)) });
  const full = announcements({
    ...shape,
    nextHop: clientOctets(shape.family, 0),
    asPath: [],
    localPref: 100,
  });
  const measured = await trial.measure('load', receivers, () => sender!.send(full));
  return [result(trial, '', measured)];
}

export const HOLD: Scenario = {
  id: 'hold',
  title: 'sessions live through a load',
  target: 'none is lost',
  variants: (sizes) => (sizes ?? [1_000_000]).map(variant),
};
