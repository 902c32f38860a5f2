// What happens to daemons: routes stay in the kernel while they are away, and peers keep theirs (RFC 4724, RFC 8538).

import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { type Fleet, PROGRAM } from '../fleet.ts';
import { type Host, pause, polled } from '../host.ts';
import { type Fault, firstAgent, NOTHING_NOTICED } from './fault.ts';

const DESIGN =
  'the kernel keeps the routes, peers keep theirs (graceful restart), and what is learned again replaces in place';

const answers = (host: Host): Promise<void> =>
  polled(async () => (await host.status()) !== undefined, `the daemon of ${host.name} answers`, 20_000);

/** As many as 30 % of the hosts, at least two, a reflector among them. */
const aThird = (fleet: Fleet): readonly Host[] => {
  const count = Math.max(2, Math.ceil(fleet.hosts.length * 0.3));
  return [fleet.reflectors[0]!, ...fleet.agents.slice(0, count - 1)];
};

const killed = async (hosts: readonly Host[]): Promise<void> => {
  await Promise.all(hosts.map((host) => host.stop('SIGKILL')));
  for (const host of hosts) host.start();
};

export const DAEMON_FAULTS: readonly Fault[] = [
  {
    id: 'restart',
    title: 'daemon restarted (SIGTERM, start)',
    design: DESIGN,
    at: firstAgent,
    expect: NOTHING_NOTICED,
    async act(fleet, [host]) {
      await host!.stop('SIGTERM');
      host!.start();
      await fleet.whole();
    },
  },
  {
    id: 'kill',
    title: 'daemon killed (`kill -9`) and started',
    design: DESIGN,
    at: firstAgent,
    expect: NOTHING_NOTICED,
    async act(fleet, hosts) {
      await killed(hosts);
      await fleet.whole();
    },
  },
  {
    id: 'kill-twice',
    title: 'daemon killed, started, killed again as soon as it answers, started',
    design: DESIGN,
    at: firstAgent,
    expect: NOTHING_NOTICED,
    async act(fleet, hosts) {
      await killed(hosts);
      await answers(hosts[0]!);
      await killed(hosts);
      await fleet.whole();
    },
  },
  {
    id: 'freeze',
    title: 'daemon frozen for 5 s (SIGSTOP, SIGCONT)',
    design: 'shorter than the hold time: nobody notices',
    at: firstAgent,
    expect: NOTHING_NOTICED,
    async act(fleet, [host]) {
      host!.signal('SIGSTOP');
      await pause(5_000);
      host!.signal('SIGCONT');
      await fleet.whole();
    },
  },
  {
    id: 'upgrade',
    title: 'upgrade to another build, hosts one after the other',
    design: DESIGN,
    // In the large fleet a reflector too.
    at: (fleet) => [...(fleet.hosts.length > 4 ? fleet.reflectors.slice(0, 1) : []), fleet.agents[0]!],
    expect: NOTHING_NOTICED,
    async act(fleet, hosts) {
      const program = otherBuild();
      for (const host of hosts) {
        await host.stop('SIGTERM');
        host.program = program;
        host.start();
        await fleet.whole();
      }
    },
  },
  {
    id: 'third-restarted',
    title: '30 % of the hosts restarted at once, a reflector among them',
    design: DESIGN,
    at: aThird,
    expect: NOTHING_NOTICED,
    async act(fleet, hosts) {
      await killed(hosts);
      await fleet.whole();
    },
  },
  {
    id: 'all-restarted',
    title: 'every daemon killed and started at once',
    design: DESIGN,
    full: true,
    at: (fleet) => fleet.hosts,
    expect: NOTHING_NOTICED,
    async act(fleet, hosts) {
      await killed(hosts);
      await fleet.whole();
    },
  },
];

/** The same sources built elsewhere, or what MESOS_BGP_OTHER_BUILD names. @returns path of its program. */
function otherBuild(): string {
  const given = process.env.MESOS_BGP_OTHER_BUILD;
  if (given !== undefined) return resolve(given);
  const folder = resolve('node_modules/.cache/mesos-bgp/other-build');
  const { status, stderr } = spawnSync(process.execPath, ['build.mjs', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${PROGRAM} cannot be built once more: ${stderr}`);
  return `${folder}/mesos-bgp.js`;
}
