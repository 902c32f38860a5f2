// S4: many senders of the same prefixes with different paths. A set's shortest path comes from one of them, another for each
// set; the receiver must end with that one.

import { announcements, type FeedShape, mixed, tagOf } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const SENDERS = 10;
const PER_SET = 5;

const winner = (set: number): number => mixed(set + 17) % SENDERS;

const variant = (prefixes: number): Variant => ({
  id: `S4 ${short(prefixes)}`,
  title: `${SENDERS} senders, the same ${short(prefixes)} prefixes with different paths → 1 receiver`,
  leaveOut: ['gobgp'],
  run: (trial) => choose(trial, { family: 'ipv4', prefixes, perSet: PER_SET }),
});

async function choose(trial: Trial, shape: FeedShape): Promise<Result[]> {
  const asNumbers = Array.from({ length: SENDERS + 1 }, (_, at) => DAEMON_AS + 1 + at);
  await trial.start({ family: shape.family, asNumbers });
  const receiver = trial.clients[SENDERS]!;
  const sets = Math.ceil(shape.prefixes / shape.perSet);
  const tags = Int32Array.from({ length: sets }, (_, set) => tagOf(set, winner(set)));
  trial.receivers([receiver], { ...shape, tags });
  const feeds = asNumbers.slice(0, SENDERS).map((asNumber, sender) =>
    announcements({
      ...shape,
      nextHop: clientOctets(shape.family, sender),
      asPath: [asNumber],
      localPref: undefined,
      version: sender,
      prepended: (set) => (winner(set) === sender ? 0 : 1 + (mixed(set + sender) & 1)),
    }),
  );
  const measured = await trial.measure('choose', [receiver], () => {
    for (const [sender, octets] of feeds.entries()) trial.clients[sender]!.send(octets);
  });
  return [result(trial, '', measured)];
}

export const S4: Scenario = {
  id: 'S4',
  title: '10 senders of the same prefixes → 1 receiver with the best paths',
  target: '≤ 0.5 × BIRD',
  variants: (sizes) => (sizes ?? [100_000]).map(variant),
};
