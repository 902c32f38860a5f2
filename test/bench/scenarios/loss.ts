// S6: a sender with a large table is gone; until the receiver has heard that all of it is.

import { announcements, type FeedShape } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { firstTags, type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const PER_SET = 5;

const variant = (prefixes: number): Variant => ({
  id: `S6 ${short(prefixes)}`,
  title: `a sender with ${short(prefixes)} prefixes drops, until the receiver has all withdraws`,
  leaveOut: prefixes > 100_000 ? ['gobgp'] : [],
  run: (trial) => drop(trial, { family: 'ipv4', prefixes, perSet: PER_SET }),
});

async function drop(trial: Trial, shape: FeedShape): Promise<Result[]> {
  await trial.start({ family: shape.family, asNumbers: [DAEMON_AS + 1, DAEMON_AS + 2] });
  const [sender, receiver] = [trial.clients[0]!, trial.clients[1]!];
  const tags = firstTags(Math.ceil(shape.prefixes / shape.perSet));
  trial.receivers([receiver], { ...shape, tags });
  const full = announcements({
    ...shape,
    nextHop: clientOctets(shape.family, 0),
    asPath: [DAEMON_AS + 1],
    localPref: undefined,
  });
  await trial.measure('load', [receiver], () => sender.send(full));
  tags.fill(0);
  receiver.table!.recount();
  const measured = await trial.measure('drop', [receiver], () => sender.close());
  return [result(trial, '', measured)];
}

export const S6: Scenario = {
  id: 'S6',
  title: 'a sender drops',
  target: '≤ 1.0 × BIRD',
  variants: (sizes) => (sizes ?? [500_000]).map(variant),
};
