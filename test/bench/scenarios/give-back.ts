// A large table comes and goes, ten times: what is resident afterwards must not grow.

import { announcements, type FeedShape, withdrawals } from '../feed.ts';
import { clientOctets, DAEMON_AS, type Trial } from '../trial.ts';
import { firstTags, type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const PER_SET = 5;
const CYCLES = 10;

const variant = (prefixes: number): Variant => ({
  id: `give-back ${short(prefixes)}`,
  title: `${CYCLES} cycles of load and withdraw of ${short(prefixes)}`,
  leaveOut: ['frr', 'gobgp', 'openbgpd'],
  run: (trial) => cycles(trial, { family: 'ipv4', prefixes, perSet: PER_SET }),
});

async function cycles(trial: Trial, shape: FeedShape): Promise<Result[]> {
  await trial.start({ family: shape.family, asNumbers: [DAEMON_AS + 1, DAEMON_AS + 2] });
  const [sender, receiver] = [trial.clients[0]!, trial.clients[1]!];
  const tags = new Int32Array(Math.ceil(shape.prefixes / shape.perSet));
  const all = firstTags(tags.length);
  trial.receivers([receiver], { ...shape, tags });
  const full = announcements({
    ...shape,
    nextHop: clientOctets(shape.family, 0),
    asPath: [DAEMON_AS + 1],
    localPref: undefined,
  });
  const empty = withdrawals(shape);
  const loaded: number[] = [];
  const emptied: number[] = [];
  let [cpuSeconds, wallSeconds, longestTurnMs] = [0, 0, 0];
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    tags.set(all);
    receiver.table!.recount();
    const came = await trial.measure('load', [receiver], () => sender.send(full));
    loaded.push(trial.memory().residentMb);
    tags.fill(0);
    receiver.table!.recount();
    const went = await trial.measure('withdraw', [receiver], () => sender.send(empty));
    emptied.push(trial.memory().residentMb);
    cpuSeconds += came.cpuSeconds + went.cpuSeconds;
    wallSeconds += came.wallSeconds + went.wallSeconds;
    longestTurnMs = Math.max(longestTurnMs, came.longestTurnMs ?? 0, went.longestTurnMs ?? 0);
  }
  const measured = {
    cpuSeconds,
    wallSeconds,
    generatorSeconds: 0,
    longestTurnMs: longestTurnMs || undefined,
  };
  return [
    result(trial, '', measured, {
      'RSS MB loaded first': loaded[0]!,
      'last loaded': loaded.at(-1)!,
      'emptied first': emptied[0]!,
      'last emptied': emptied.at(-1)!,
    }),
  ];
}

export const GIVE_BACK: Scenario = {
  id: 'give-back',
  title: 'memory after routes have left',
  target: 'does not grow over 10 cycles',
  variants: (sizes) => (sizes ?? [1_000_000]).map(variant),
};
