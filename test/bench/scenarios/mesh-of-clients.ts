// S3: a cluster behind one reflector: every client announces a few routes and gets those of all others.

import { announcements, type FeedShape, withdrawals } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { firstAndWarm, firstTags, type Result, type Scenario, short, type Variant } from './scenario.ts';

const ROUTES_EACH = 12;

const variant = (family: FeedShape['family'], clients: number): Variant => ({
  id: `S3 ${family} ${clients}`,
  title: `${clients} clients of one reflector announce ${ROUTES_EACH} ${family} routes each (${short(clients * (clients - 1) * ROUTES_EACH)} deliveries)`,
  // Minutes for one run.
  leaveOut: clients > 500 ? ['gobgp', 'openbgpd'] : ['gobgp'],
  run: (trial) => exchange(trial, { family, prefixes: clients * ROUTES_EACH, perSet: ROUTES_EACH }, clients),
});

async function exchange(trial: Trial, shape: FeedShape, clients: number): Promise<Result[]> {
  const { family } = shape;
  const asNumbers = Array.from({ length: clients }, () => DAEMON_AS);
  await trial.start({ family, asNumbers, reflector: true });
  const tags = firstTags(clients);
  trial.receivers(trial.clients, { ...shape, tags }, (at) => [at, at + 1]);
  const feeds = trial.clients.map((_, at) =>
    announcements({
      ...shape,
      nextHop: clientOctets(family, at),
      asPath: [],
      localPref: 100,
      fromSet: at,
      toSet: at + 1,
    }),
  );
  const goodbyes = trial.clients.map((_, at) => withdrawals(shape, at, at + 1));
  const all = (octets: readonly Buffer[]) => () => {
    for (const [at, client] of trial.clients.entries()) client.send(octets[at]!);
  };
  return firstAndWarm(trial, tags, trial.clients, { announce: all(feeds), withdraw: all(goodbyes) });
}

export const S3: Scenario = {
  id: 'S3',
  title: 'a cluster behind one reflector',
  target: '≤ 0.7 × FRR’s wall time',
  variants: () => [variant('ipv4', 500), variant('ipv6', 500), variant('ipv4', 1000)],
};
