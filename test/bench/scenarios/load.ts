// S1: one sender, one receiver, a table from empty to full; then the same again in the same daemon, warm.

import { announcements, type FeedShape, tagOf, withdrawals } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const PER_SET = 5;
/** How often a small table is loaded again: its first time is mostly the compiler's. */
const WARM_ROUNDS = 5;

const variant = (shape: FeedShape): Variant => ({
  id: `S1 ${shape.family} ${short(shape.prefixes)}`,
  title: `${short(shape.prefixes)} ${shape.family} prefixes in ${short(shape.prefixes / PER_SET)} attribute sets, 1 sender → 1 receiver`,
  // Nine minutes for one run.
  leaveOut: shape.prefixes > 500_000 ? ['gobgp'] : [],
  run: (trial) => load(trial, shape),
});

async function load(trial: Trial, shape: FeedShape): Promise<Result[]> {
  const { family } = shape;
  await trial.start({ family, asNumbers: [DAEMON_AS + 1, DAEMON_AS + 2] });
  const [sender, receiver] = [trial.clients[0]!, trial.clients[1]!];
  const tags = new Int32Array(Math.ceil(shape.prefixes / shape.perSet));
  const all = Int32Array.from(tags, (_, set) => tagOf(set));
  trial.receivers([receiver], { ...shape, tags });
  const full = announcements({
    ...shape,
    nextHop: clientOctets(family, 0),
    asPath: [DAEMON_AS + 1],
    localPref: undefined,
  });
  const empty = withdrawals(shape);
  const results: Result[] = [];
  const rounds = shape.prefixes >= 500_000 ? 1 : WARM_ROUNDS;
  for (let round = 0; round <= rounds; round++) {
    tags.set(all);
    const announced = await trial.measure('announce', [receiver], () => sender.send(full));
    results.push(result(trial, round === 0 ? 'first' : 'warm', announced));
    if (round === rounds) break;
    tags.fill(0);
    receiver.table!.recount();
    const withdrawn = await trial.measure('withdraw', [receiver], () => sender.send(empty));
    if (rounds === 1) results.push(result(trial, 'withdraw', withdrawn));
  }
  return results;
}

export const S1: Scenario = {
  id: 'S1',
  title: '1 sender → daemon → 1 receiver',
  target: '≤ 0.6 × BIRD’s time at 1M, ≤ 0.9 × its memory; 100k and 10k no slower than BIRD once warm',
  variants: (sizes) =>
    (sizes ?? [1_000_000, 100_000, 10_000]).flatMap((prefixes) =>
      (['ipv4', 'ipv6'] as const).map((family) => variant({ family, prefixes, perSet: PER_SET })),
    ),
};
