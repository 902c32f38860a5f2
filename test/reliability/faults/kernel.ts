// What others do to a host's kernel: routes removed, links taken down. Here packets are lost, and the design bounds for how long. Each
// removal is on another host: who does it three times within a minute is in a fight, and is answered more slowly (src/fib/fights.ts).

import { pause } from '../host.ts';
import { type Fault, firstAgent, NONE_LOST, timed, within } from './fault.ts';

/** A route of ours that another program removes is back within this. */
const REPAIRED_MS = 100;
/** The kernel tells of a carrier that came or went once a second at most (net/core/link_watch.c). */
const CARRIER_MS = 1_000;

const REPAIR = { from: within(REPAIRED_MS), to: NONE_LOST, past: NONE_LOST } as const;
const BACK_WITH_THE_LINK = {
  from: within(CARRIER_MS + REPAIRED_MS),
  to: within(CARRIER_MS + REPAIRED_MS),
  past: NONE_LOST,
} as const;

export const KERNEL_FAULTS: readonly Fault[] = [
  {
    id: 'route-deleted',
    title: 'a route deleted by hand (`ip route del`), in each family',
    design: 'the kernel tells of it, and it is put back within 100 ms',
    at: firstAgent,
    expect: REPAIR,
    async act(fleet, [host]) {
      const { to } = fleet.flows.find(({ from }) => from === host)!;
      await host!.run('ip', 'route', 'del', to.place.blocks[0], 'proto', 'bgp');
      await host!.run('ip', '-6', 'route', 'del', to.place.blocks[1], 'proto', 'bgp');
      await fleet.whole();
    },
  },
  {
    id: 'routes-flushed',
    title: 'all routes of BGP deleted, as `networkd` does with those that are not its own',
    design: 'the kernel tells of it, and they are put back within 100 ms',
    at: (fleet) => fleet.agents.slice(1, 2),
    expect: REPAIR,
    async act(fleet, [host]) {
      // One by one: `ip route flush` of iproute2 6.1 cannot remove what goes through a next hop object.
      for (const family of [4, 6] as const) {
        const deletions = [...(await host!.routes(family)).keys()].map((to) => `route del ${to} proto bgp`);
        await host!.run('ip', `-${family}`, '-batch', host!.file('deletions', deletions.join('\n')));
      }
      await fleet.whole();
    },
  },
  {
    id: 'next-hops-flushed',
    title:
      'all next hop objects of BGP deleted (`ip nexthop flush proto 186`), and the kernel drops the routes with them',
    design: 'the kernel tells of it, and objects and routes are put back within 100 ms',
    at: (fleet) => fleet.reflectors.slice(1),
    expect: REPAIR,
    async act(fleet, [host]) {
      await host!.run('ip', 'nexthop', 'flush', 'proto', '186');
      await fleet.whole();
    },
  },
  {
    id: 'cable',
    title: 'the cable of a host unplugged for 0.5 s',
    design: 'routes are back with the carrier, which the kernel tells of once a second at most',
    at: firstAgent,
    expect: BACK_WITH_THE_LINK,
    async act(fleet, [host]) {
      const ms = await timed(async () => {
        await host!.cable.down();
        await pause(500);
        await host!.cable.up();
      });
      await fleet.whole();
      return ms;
    },
  },
  {
    id: 'link-flap',
    title: 'the interface of a host set down and up (`ip link`), IPv6 addresses kept',
    design: 'the kernel drops all routes through it; they are back with the link',
    at: firstAgent,
    expect: BACK_WITH_THE_LINK,
    async act(fleet, [host]) {
      await host!.run('sysctl', '-q', '-w', 'net.ipv6.conf.eth1.keep_addr_on_down=1');
      const ms = await timed(async () => {
        await host!.run('ip', 'link', 'set', 'eth1', 'down');
        await pause(500);
        await host!.run('ip', 'link', 'set', 'eth1', 'up');
      });
      await fleet.whole();
      return ms;
    },
  },
];
