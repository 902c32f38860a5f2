// A change of each class (src/desired/field-changes.ts) and back, on a running fleet.

import type { ChangeClass } from '../../../src/desired/field-changes.ts';
import type { Fleet } from '../fleet.ts';
import { type Host, pause, polled } from '../host.ts';
import { CONFIGURATION, configurationEntry, nodeEntry, peeringEntry, RESTART_SECONDS } from '../topology.ts';
import { type Fault, firstAgent, NONE_LOST, NOTHING_NOTICED, nowhere, within } from './fault.ts';

interface Change {
  readonly id: string;
  readonly class: ChangeClass;
  readonly what: string;
  readonly design: string;
  there(): readonly [string, string];
  back(): readonly [string, string];
}

const ordinary = () => configurationEntry();
const peering = () => peeringEntry();

const CHANGES: readonly Change[] = [
  {
    id: 'change-none',
    class: 'none',
    what: '`serviceClusterIPs`, which nothing is made from',
    design: 'nothing happens',
    there: () => configurationEntry({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] }),
    back: ordinary,
  },
  {
    id: 'change-in-place',
    class: 'in place',
    what: '`ignoredInterfaces`',
    design: 'next hops are resolved anew, to the same end',
    there: () => configurationEntry({ ignoredInterfaces: ['docker*'] }),
    back: ordinary,
  },
  {
    id: 'change-next-session',
    class: 'next session',
    what: '`maxRestartTime` of all sessions',
    design: 'open sessions go on as agreed',
    there: () => peeringEntry({ maxRestartTime: `${RESTART_SECONDS + 5}s` }),
    back: peering,
  },
  {
    id: 'change-refresh',
    class: 'refresh',
    what: '`prefixAdvertisements`: a community on every route',
    design: 'routes are told again, and replaced in place',
    there: () =>
      configurationEntry({ prefixAdvertisements: [{ cidr: '10.65.0.0/16', communities: ['64512:100'] }] }),
    back: ordinary,
  },
  {
    id: 'change-sessions',
    class: 'sessions',
    what: '`nodeToNodeMeshEnabled`: the mesh between agents beside the reflectors',
    design: 'sessions come and go; a route that another peer tells as well stays',
    there: () => configurationEntry({ nodeToNodeMeshEnabled: true }),
    back: ordinary,
  },
  {
    id: 'change-reset',
    class: 'reset',
    what: '`password` of all sessions, from none to one and back',
    design: 'sessions are reset, both ends keep the routes meanwhile (RFC 8538)',
    there: () => peeringEntry({ password: { secretKeyRef: { name: 'bgp', key: 'reflectors' } } }),
    back: peering,
  },
  {
    id: 'change-as-number',
    class: 'reset',
    what: '`asNumber` of the whole cluster',
    design: 'sessions are reset as hosts take it in, both ends keep the routes meanwhile (RFC 8538)',
    there: () => configurationEntry({ asNumber: CONFIGURATION.asNumber + 1 }),
    back: ordinary,
  },
];

/** What shows at an agent that a change of this class has come about; for the others, that the daemon has taken it in must do. */
async function traceOf(change: ChangeClass, host: Host): Promise<number | string | null> {
  const status = await host.status();
  if (change === 'sessions') return status?.peers.configured ?? null;
  if (change !== 'reset') return status?.datastore.revision ?? null;
  const peers = (await host.peers()) ?? [];
  return peers.reduce((sum, { counters }) => sum + counters.lost, 0);
}

async function changed(fleet: Fleet, change: Change, [key, value]: readonly [string, string]): Promise<void> {
  const before = new Map<Host, number | string | null>();
  for (const host of fleet.agents) before.set(host, await traceOf(change.class, host));
  await fleet.put(key, value);
  const seen = async (host: Host): Promise<boolean> => {
    const trace = await traceOf(change.class, host);
    return trace !== null && trace !== before.get(host);
  };
  await Promise.all(
    fleet.agents.map((host) =>
      polled(() => seen(host), `${host.name} has taken in the change of ${key}`, 20_000),
    ),
  );
  await pause(SETTLED_MS);
  await fleet.whole();
}

/** Changes that follow each other closely are applied together; so long after one, it is in force. */
const SETTLED_MS = 300;

const faultOf = (change: Change): Fault => ({
  id: change.id,
  title: `configuration, class *${change.class}*: ${change.what}`,
  design: change.design,
  at: nowhere,
  expect: NOTHING_NOTICED,
  async act(fleet) {
    fleet.password('bgp', 'reflectors', 'a password');
    for (const next of [change.there(), change.back()]) await changed(fleet, change, next);
  },
});

/** Sessions that come anew are up at the first attempt as a rule, and after the connect-retry time (5 s) at most. */
const SESSIONS_MS = 6_000;

/** Another address of the same segment. */
const moved = (host: Host): string => `10.0.0.${host.place.number + 100}`;

const ADDRESS_CHANGE: Fault = {
  id: 'address-change',
  title:
    'configuration, class *reset all*: IPv4 address of a host, added, put into its Node, the old one removed; and back',
  design:
    'all its sessions come anew, as if from another host; itself keeps its routes meanwhile (fail-static)',
  at: firstAgent,
  expect: { from: NONE_LOST, to: within(SESSIONS_MS), past: NONE_LOST },
  async act(fleet, [host]) {
    const old = host!.place.addresses[0];
    const next = moved(host!);
    // As systemd sets it: an address outlives the one that came before it.
    await host!.run('sysctl', '-q', '-w', 'net.ipv4.conf.eth1.promote_secondaries=1');
    for (const [from, to] of [
      [old, next],
      [next, old],
    ] as const) {
      await host!.run('ip', 'addr', 'add', `${to}/24`, 'dev', 'eth1');
      await fleet.put(...nodeEntry(host!.place, { ipv4Address: `${to}/24` }));
      const known = async () => (await host!.status())?.routerId === to;
      await polled(known, `${host!.name} is ${to}`, 20_000);
      await fleet.whole();
      await elsewhereKnown(fleet, host!, to);
      await host!.run('ip', 'addr', 'del', `${from}/24`, 'dev', 'eth1');
    }
    await fleet.whole();
  },
};

/** Waits until every other host sends to the host by that address. */
const elsewhereKnown = (fleet: Fleet, host: Host, address: string): Promise<unknown> =>
  Promise.all(
    fleet.hosts
      .filter((other) => other !== host)
      .map((other) =>
        polled(
          async () =>
            (await other.run('ip', 'route', 'get', host.place.containerAddresses[0])).includes(
              `via ${address} `,
            ),
          `${other.name} sends to ${host.name} by ${address}`,
          20_000,
        ),
      ),
  );

export const CONFIGURATION_FAULTS: readonly Fault[] = [...CHANGES.map(faultOf), ADDRESS_CHANGE];
