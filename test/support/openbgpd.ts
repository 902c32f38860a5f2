// OpenBGPD (the portable one) in a lab's node, asked and told by bgpctl. On Linux it writes no kernel routes.

import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import type { LabProcess } from '../../src/lab/background.ts';
import type { Lab, LabNode } from '../../src/lab/lab.ts';
import {
  type Announcement,
  ask,
  familyOf,
  type Heard,
  type Neighbor,
  type OtherSpeaker,
  outside,
  privateFile,
  type Settings,
  untilAnswers,
} from './speakers.ts';

/** The home folder of its user, to which its unprivileged processes chroot. */
const FOLDER = '/run/openbgpd';
const SOCKET = `${FOLDER}/control.sock`;

const neighbor = (each: Neighbor): string => `
neighbor ${each.address} {
  remote-as ${each.asNumber}
  local-address ${each.local}
  ${familyOf(each.address) === 4 ? 'announce IPv4 unicast' : 'announce IPv4 none\n  announce IPv6 unicast'}
  announce restart yes
  announce enhanced refresh yes
  ${each.withoutAs4 ? 'announce as-4byte no' : ''}
  ${each.addPaths ? 'announce add-path recv yes\n  announce add-path send all' : ''}
  ${each.client ? 'route-reflector' : ''}
  ${each.password === undefined ? '' : `tcp md5sig password "${each.password}"`}
  ${each.ttlSecurity ? 'ttl-security yes' : ''}
  ${each.passive ? 'passive' : ''}
}
`;

const words = (route: Announcement): string[] => [
  ...(route.communities ?? []).flatMap((value) => ['community', value]),
  ...(route.largeCommunities ?? []).flatMap((value) => ['large-community', value]),
  ...(route.multiExitDisc === undefined ? [] : ['metric', `${route.multiExitDisc}`]),
];

const network = (route: Announcement): string => `network ${route.prefix} set { ${words(route).join(' ')} }`;

const configuration = (own: Settings): string => `
AS ${own.asNumber}
router-id ${own.routerId}
fib-update no
connect-retry 1
socket "${SOCKET}"
${own.routes.map((route) => (words(route).length > 0 ? network(route) : `network ${route.prefix}`)).join('\n')}
${own.neighbors.map(neighbor).join('')}
allow from any
allow to any
`;

interface RibJson {
  readonly prefix: string;
  readonly aspath?: string;
  readonly exit_nexthop?: string;
  readonly metric?: number;
  readonly localpref?: number;
  readonly communities?: readonly string[];
  readonly large_communities?: readonly string[];
  readonly neighbor: { readonly remote_addr: string };
  readonly announced?: boolean;
  readonly attributes?: readonly Record<string, unknown>[];
}

export class OpenBgpd implements OtherSpeaker {
  private constructor(
    readonly node: LabNode,
    readonly process: LabProcess,
  ) {}

  static async start(lab: Lab, name: string, settings: Settings): Promise<OpenBgpd> {
    if (!existsSync('/usr/sbin/bgpctl'))
      throw new Error('OpenBGPD is not installed: apt-get install openbgpd');
    const node = lab.node(name);
    mkdirSync(outside(node, FOLDER), { recursive: true });
    chmodSync(outside(node, FOLDER), 0o755);
    // It takes a file that others may read for an accident.
    const file = privateFile(node, '/run/bgpd.conf', configuration(settings), 0o600);
    const process = node.spawn(['/usr/sbin/bgpd', '-d', '-f', file], { name: 'openbgpd' });
    const speaker = new OpenBgpd(node, process);
    await untilAnswers(
      process,
      'openbgpd',
      async () => (await node.exec(['bgpctl', '-s', SOCKET, 'show', 'summary'])).code === 0,
    );
    return speaker;
  }

  bgpctl = (...command: readonly string[]): Promise<string> =>
    ask(this.node, 'bgpctl', '-s', SOCKET, ...command);

  async heard(family: 4 | 6): Promise<readonly Heard[]> {
    const text = await this.bgpctl('-j', 'show', 'rib', `ipv${family}`, 'detail');
    const { rib } = JSON.parse(text) as { rib?: RibJson[] };
    return (rib ?? []).filter(({ announced }) => !announced).map(heard);
  }

  async askAgain(address: string): Promise<void> {
    await this.bgpctl('neighbor', address, 'refresh');
  }

  async announce(route: Announcement): Promise<void> {
    await this.bgpctl('network', 'add', route.prefix, ...words(route));
  }

  async withdraw(prefix: string): Promise<void> {
    await this.bgpctl('network', 'delete', prefix);
  }
}

const heard = (route: RibJson): Heard => {
  const field = (name: string) => route.attributes?.find((each) => name in each)?.[name];
  return {
    prefix: route.prefix,
    from: route.neighbor.remote_addr,
    nextHop: route.exit_nexthop ?? '',
    asPath: (route.aspath ?? '').split(' ').filter(Boolean).map(Number),
    localPref: route.localpref,
    multiExitDisc: route.metric,
    communities: route.communities ?? [],
    largeCommunities: route.large_communities ?? [],
    originatorId: field('originator') as string | undefined,
    clusterList: (field('cluster_list') as string[] | undefined) ?? [],
  };
};
