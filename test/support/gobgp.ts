// GoBGP in a lab's node, asked and told over its API by the gobgp command.

import { existsSync } from 'node:fs';
import type { LabProcess } from '../../src/lab/background.ts';
import type { Lab, LabNode } from '../../src/lab/lab.ts';
import {
  type Announcement,
  ask,
  familyOf,
  type Heard,
  type Neighbor,
  type OtherSpeaker,
  privateFile,
  type Settings,
  untilAnswers,
} from './speakers.ts';

const CONFIG = '/run/gobgp.toml';

const neighbor = (own: Settings, each: Neighbor): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${each.address}"
    peer-as = ${each.asNumber}
${each.password === undefined ? '' : `    auth-password = "${each.password}"`}
  [neighbors.transport.config]
    local-address = "${each.local}"
    passive-mode = ${each.passive ?? false}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
${each.ttlSecurity ? '  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255' : ''}
${each.client ? `  [neighbors.route-reflector.config]\n    route-reflector-client = true\n    route-reflector-cluster-id = "${own.clusterId ?? own.routerId}"` : ''}
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 60
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv${familyOf(each.address)}-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
${each.addPaths ? '    [neighbors.afi-safis.add-paths.config]\n      receive = true\n      send-max = 8' : ''}
`;

interface PathJson {
  readonly attrs: readonly { readonly type: number; readonly [field: string]: unknown }[];
  readonly 'source-id'?: string;
  readonly 'neighbor-ip'?: string;
}

export class GoBgp implements OtherSpeaker {
  private constructor(
    readonly node: LabNode,
    readonly process: LabProcess,
  ) {}

  static async start(lab: Lab, name: string, settings: Settings, restarted = false): Promise<GoBgp> {
    if (!existsSync('/usr/bin/gobgpd')) throw new Error('GoBGP is not installed: apt-get install gobgpd');
    const node = lab.node(name);
    const config = `[global.config]\n  as = ${settings.asNumber}\n  router-id = "${settings.routerId}"\n${settings.neighbors
      .map((each) => neighbor(settings, each))
      .join('')}`;
    const process = node.spawn(
      [
        'gobgpd',
        '-f',
        privateFile(node, CONFIG, config),
        '--api-hosts',
        '127.0.0.1:50051',
        ...(restarted ? ['-r'] : []),
      ],
      { name: 'gobgpd' },
    );
    const speaker = new GoBgp(node, process);
    await untilAnswers(process, 'gobgpd', async () =>
      (await node.exec(['gobgp', 'global'])).stdout.includes(`${settings.asNumber}`),
    );
    for (const route of settings.routes) await speaker.announce(route);
    return speaker;
  }

  async heard(family: 4 | 6): Promise<readonly Heard[]> {
    const text = await ask(this.node, 'gobgp', '-j', 'global', 'rib', '-a', `ipv${family}`);
    if (!text.trim().startsWith('{')) return [];
    const table = JSON.parse(text) as Record<string, PathJson[]>;
    return Object.entries(table).flatMap(([prefix, paths]) =>
      paths
        .filter((path) => path['neighbor-ip'] && path['neighbor-ip'] !== '<nil>')
        .map((path) => heard(prefix, path)),
    );
  }

  async askAgain(address: string): Promise<void> {
    await ask(this.node, 'gobgp', 'neighbor', address, 'softresetin');
  }

  async announce(route: Announcement): Promise<void> {
    await this.rib('add', route.prefix, [
      ...(route.asPath?.length ? ['aspath', route.asPath.join(' ')] : []),
      ...(route.multiExitDisc === undefined ? [] : ['med', `${route.multiExitDisc}`]),
      ...(route.communities?.length ? ['community', route.communities.join(',')] : []),
      ...(route.largeCommunities?.length ? ['large-community', route.largeCommunities.join(',')] : []),
    ]);
  }

  withdraw = (prefix: string): Promise<void> => this.rib('del', prefix, []);

  private async rib(what: 'add' | 'del', prefix: string, words: readonly string[]): Promise<void> {
    await ask(this.node, 'gobgp', 'global', 'rib', '-a', `ipv${familyOf(prefix)}`, what, prefix, ...words);
  }
}

const u16s = (value: number): string => `${value >>> 16}:${value & 0xffff}`;

function heard(prefix: string, path: PathJson): Heard {
  const attribute = <T>(type: number, field: string): T | undefined =>
    path.attrs.find((each) => each.type === type)?.[field] as T | undefined;
  const large = attribute<{ ASN: number; LocalData1: number; LocalData2: number }[]>(32, 'value') ?? [];
  return {
    prefix,
    from: path['neighbor-ip'] ?? '',
    nextHop: attribute<string>(3, 'nexthop') ?? attribute<string>(14, 'nexthop') ?? '',
    asPath: (attribute<{ asns: number[] }[]>(2, 'as_paths') ?? []).flatMap(({ asns }) => asns),
    localPref: attribute(5, 'value'),
    multiExitDisc: attribute(4, 'metric'),
    communities: (attribute<number[]>(8, 'communities') ?? []).map(u16s),
    largeCommunities: large.map((each) => `${each.ASN}:${each.LocalData1}:${each.LocalData2}`),
    originatorId: attribute(9, 'value'),
    clusterList: attribute(10, 'value') ?? [],
  };
}
