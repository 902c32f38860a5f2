// S2: one sender, a reflector, many clients that all get the same. Encoding once is what this measures.

import { announcements, type FeedShape, withdrawals } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { firstAndWarm, firstTags, type Result, type Scenario, short, type Variant } from './scenario.ts';

/** One sender's routes look much alike. */
const PER_SET = 50;

const variant = (prefixes: number, clients: number): Variant => ({
  id: `S2 ${short(prefixes)} → ${clients}`,
  title: `${short(prefixes)} prefixes → reflector → ${clients} clients`,
  leaveOut: ['gobgp'],
  run: (trial) => reflect(trial, { family: 'ipv4', prefixes, perSet: PER_SET }, clients),
});

async function reflect(trial: Trial, shape: FeedShape, clients: number): Promise<Result[]> {
  const { family } = shape;
  const asNumbers = Array.from({ length: clients + 1 }, () => DAEMON_AS);
  await trial.start({ family, asNumbers, reflector: true });
  const [sender, ...receivers] = trial.clients;
  const tags = firstTags(shape.prefixes / shape.perSet);
  trial.receivers(receivers, { ...shape, tags });
  const full = announcements({ ...shape, nextHop: clientOctets(family, 0), asPath: [], localPref: 100 });
  const empty = withdrawals(shape);
  return firstAndWarm(trial, tags, receivers, {
    announce: () => sender!.send(full),
    withdraw: () => sender!.send(empty),
  });
}

export const S2: Scenario = {
  id: 'S2',
  title: '1 sender → reflector → many clients',
  target: '≤ 1.0 × FRR’s time',
  variants: () => [variant(20_000, 100), variant(10_000, 500)],
};
