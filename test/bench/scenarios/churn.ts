// S5: a loaded daemon whose routes come and go, and how soon an idle one passes a single change on.

import { announcements, type FeedShape, tagOf, withdrawals } from '../feed.ts';
import { median } from '../report.ts';
import { clientOctets, DAEMON_AS, type Measured, type Trial } from '../trial.ts';
import { firstTags, type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const RECEIVERS = 20;
const PER_SET = 5;
const CHANGED_SETS = 2000;
const ROUNDS = 20;

const CHANGES = 1000;
/** From the arrival of one change to the next: the daemon is idle by then. */
const PAUSE_MS = 3;

const churnVariant = (prefixes: number): Variant => ({
  id: `S5 churn ${short(prefixes)}`,
  title: `${short(prefixes)} loaded, ${RECEIVERS} receivers, ${short(CHANGED_SETS * PER_SET)} withdrawn and announced ${ROUNDS} times`,
  leaveOut: ['gobgp'],
  run: (trial) => churn(trial, { family: 'ipv4', prefixes, perSet: PER_SET }),
});

const latencyVariant = (prefixes: number): Variant => ({
  id: `S5 latency ${short(prefixes)}`,
  title: `one change on an idle daemon with ${short(prefixes)} loaded, ${short(CHANGES)} times; CPU is of all of them`,
  withoutProbe: true, // it wakes the daemon a thousand times a second
  run: (trial) => latency(trial, { family: 'ipv4', prefixes, perSet: PER_SET }),
});

async function loaded(trial: Trial, shape: FeedShape, receivers: number): Promise<Int32Array> {
  const asNumbers = Array.from({ length: receivers + 1 }, (_, at) => DAEMON_AS + 1 + at);
  await trial.start({ family: shape.family, asNumbers });
  const tags = firstTags(Math.ceil(shape.prefixes / shape.perSet));
  const [sender, ...others] = trial.clients;
  trial.receivers(others, { ...shape, tags });
  const full = announcements({ ...shape, ...SENDER(shape) });
  await trial.measure('load', others, () => sender!.send(full));
  return tags;
}

const SENDER = (shape: FeedShape) => ({
  nextHop: clientOctets(shape.family, 0),
  asPath: [DAEMON_AS + 1],
  localPref: undefined,
});

async function churn(trial: Trial, shape: FeedShape): Promise<Result[]> {
  const tags = await loaded(trial, shape, RECEIVERS);
  const [sender, ...receivers] = trial.clients;
  const empty = withdrawals(shape, 0, CHANGED_SETS);
  const rounds: Buffer[] = [];
  for (let version = 1; version <= ROUNDS; version++) {
    rounds.push(
      empty,
      announcements({ ...shape, ...SENDER(shape), version, fromSet: 0, toSet: CHANGED_SETS }),
    );
  }
  for (let set = 0; set < CHANGED_SETS; set++) tags[set] = tagOf(set, ROUNDS);
  for (const { table } of receivers) table!.recount();
  const octets = Buffer.concat(rounds);
  const measured = await trial.measure('churn', receivers, () => sender!.send(octets));
  return [result(trial, '', measured)];
}

async function latency(trial: Trial, shape: FeedShape): Promise<Result[]> {
  await loaded(trial, shape, 1);
  const [sender, receiver] = [trial.clients[0]!, trial.clients[1]!];
  receiver.table = undefined; // what arrives is known; that it arrives is what is measured
  const changes = [1, 2].map((version) =>
    announcements({ ...shape, ...SENDER(shape), version, fromSet: 0, toSet: 1, prefixes: 1 }),
  );
  const times: number[] = [];
  const began = performance.now();
  const cpu = trial.process.cpuNs();
  await trial.takeLongestTurn();
  for (let i = 0; i < CHANGES; i++) {
    times.push(await oneChange());
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  times.sort((a, b) => a - b);
  const measured: Measured = {
    cpuSeconds: (trial.process.cpuNs() - cpu) / 1e9,
    wallSeconds: (performance.now() - began) / 1000,
    generatorSeconds: 0,
    longestTurnMs: await trial.takeLongestTurn(),
  };
  return [
    result(trial, '', measured, { 'p50 ms': median(times), 'p99 ms': times[Math.floor(CHANGES * 0.99)]! }),
  ];

  function oneChange(): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('a single change did not arrive within 10 s')), 10_000);
      const before = receiver.updates;
      const at = performance.now();
      receiver.onRead = () => {
        if (receiver.updates === before) return;
        receiver.onRead = undefined;
        clearTimeout(late);
        resolve(performance.now() - at);
      };
      sender.send(changes[times.length & 1]!);
    });
  }
}

export const S5: Scenario = {
  id: 'S5',
  title: 'churn, and the latency of a single change',
  target: '≤ 0.5 × BIRD; one change p50 and p99 ≤ 1.0 × BIRD’s',
  variants: (sizes) => (sizes ?? [100_000]).flatMap((size) => [churnVariant(size), latencyVariant(size)]),
};
