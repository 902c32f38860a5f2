// Runs the demo's steps on a lab of their own and tells how it went. Privilege and arguments: main.ts.

import { existsSync } from 'node:fs';
import { EtcdGateway } from '../calico/etcd.ts';
import { Lab } from '../lab.ts';
import { openRelay } from '../relay.ts';
import { HOSTS, StepFailure } from './cluster.ts';
import { Daemon } from './daemon.ts';
import { duration, progressLine, quote, readableLog, type StepResult, summary } from './report.ts';
import { STEPS, type Stage } from './steps.ts';

export interface DemoOptions {
  /** Paths: the topology, the folder of its data, and the daemon's program. */
  readonly topology: string;
  readonly data: string;
  readonly program: string;
  readonly name?: string;
  readonly keep: boolean;
  /** Aborted by Ctrl-C: the demo then cleans up. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
  /** Shown while a step runs and replaced afterwards; on a terminal only. */
  readonly transient?: (line: string) => void;
}

const LOG_LINES = 15;
export const EXIT_INTERRUPTED = 130;

/** @returns 0 only when every step held, 1 otherwise, 130 after Ctrl-C. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const results: StepResult[] = [];
  const finished = (result: StepResult, below: readonly string[] = []): void => {
    results.push(result);
    options.print(progressLine(result, seconds()));
    for (const text of below) options.print(text);
  };

  const lab = await deploy(options, finished);
  if (lab) {
    try {
      const stage = await prepare(lab, options);
      for (const step of STEPS) {
        if (results.some((result) => result.outcome === 'failed') || options.signal.aborted) {
          results.push({ name: step.name, outcome: 'not run', figure: '', seconds: 0 });
          continue;
        }
        options.transient?.(`${`${seconds().toFixed(1)} s`.padStart(7)}  …       ${step.name}`);
        const shown: string[] = [];
        const started = performance.now();
        const took = (): number => (performance.now() - started) / 1000;
        try {
          const figure = await step.run({ ...stage, show: (text) => shown.push(text) });
          finished({ name: step.name, outcome: 'ok', figure, seconds: took() }, shown);
        } catch (error) {
          const expected = error instanceof StepFailure;
          if (!expected && !options.signal.aborted) throw error; // a bug: not of the daemons, of the demo
          const figure = options.signal.aborted ? 'interrupted' : (error as Error).message;
          finished({ name: step.name, outcome: 'failed', figure, seconds: took() }, shown);
          if (!options.signal.aborted)
            for (const host of step.hosts) {
              options.print(`           last log lines of ${host}:`);
              options.print(quote(readableLog(stage.daemons.get(host)!.logTail(LOG_LINES))));
            }
        }
      }
    } finally {
      const keep = options.keep && !options.signal.aborted;
      if (!keep) for (const line of await lab.destroy()) options.print(line);
    }
  }
  options.print(summary(results, seconds()));
  if (lab && options.keep && !options.signal.aborted) options.print(howToLookAround(lab, options));
  if (options.signal.aborted) return EXIT_INTERRUPTED;
  return results.every((result) => result.outcome === 'ok') ? 0 : 1;
}

async function deploy(
  options: DemoOptions,
  finished: (result: StepResult) => void,
): Promise<Lab | undefined> {
  const name = 'three hosts, six containers, etcd';
  const began = performance.now();
  const took = (): number => performance.now() - began;
  const failed = (figure: string): undefined => {
    finished({ name, outcome: 'failed', figure, seconds: took() / 1000 });
    return undefined;
  };
  options.transient?.(`  0.0 s  …       ${name}`);
  if (!existsSync(options.program)) return failed(`${options.program} is not there: npm run build makes it`);
  const deployed = await Lab.deploy(options.topology, {
    signal: options.signal,
    ...(options.name === undefined ? {} : { name: options.name }),
  });
  if (!deployed.ok) {
    const there = /deployed already/.test(deployed.message)
      ? `; npm run lab -- destroy ${options.topology}`
      : '';
    for (const line of (await deployed.lab?.destroy()) ?? []) options.print(line);
    return failed(options.signal.aborted ? 'interrupted' : `${deployed.message}${there}`);
  }
  const { lab } = deployed;
  finished({
    name,
    outcome: 'ok',
    figure: `${lab.nodes.length} nodes in ${duration(took())}`,
    seconds: took() / 1000,
  });
  return lab;
}

async function prepare(lab: Lab, options: DemoOptions): Promise<Stage> {
  const relay = await openRelay(lab.node('etcd'), 2379);
  if (relay.failure !== undefined) throw new Error(relay.failure);
  return {
    lab,
    etcd: new EtcdGateway(relay.socketPath),
    daemons: new Map(HOSTS.map(({ name }) => [name, new Daemon(lab.node(name), options.program)])),
    signal: options.signal,
    data: options.data,
    claims: new Map(),
    notes: { sessionsLost: 0, etcdCommand: [], watches: [] },
    show: () => {},
  };
}

function howToLookAround(lab: Lab, options: DemoOptions): string {
  const inside = (node: string, command: string): string =>
    `  npm run lab -- exec --name ${lab.name} --node-filter ${node} --cmd '${command}'`;
  return [
    'The lab stays. To look around:',
    inside('host1', `node ${options.program} status`),
    inside('host1', `node ${options.program} routes`),
    inside('host2', 'ip route'),
    inside('c11', 'ping -c 3 10.65.0.66'),
    `  tail -f ${lab.node('host1').file('log', 'mesos-bgp.log')}`,
    'To end it:',
    `  npm run lab -- destroy --name ${lab.name}`,
    '',
  ].join('\n');
}
