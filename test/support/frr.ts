// FRR in a lab's node: zebra, which knows the interfaces and writes the kernel's routes, and bgpd; asked by vtysh.

import { existsSync, mkdirSync } from 'node:fs';
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

const FOLDER = '/run/frr';
/** Debian keeps the daemons out of the path: its openbgpd has a bgpd as well. */
const PROGRAMS = '/usr/lib/frr';

const neighbor = (own: Settings, { address: scoped, asNumber, local, ...rest }: Neighbor): string => {
  const [address = '', zone] = scoped.split('%');
  const lines = [
    `remote-as ${asNumber}`,
    zone === undefined ? `update-source ${local}` : `interface ${zone}`,
    'timers connect 1',
    'advertisement-interval 0',
    ...(rest.password === undefined ? [] : [`password ${rest.password}`]),
    ...(rest.ttlSecurity ? [`ttl-security hops ${rest.ttlHops ?? 1}`] : []),
    ...(rest.passive ? ['passive'] : []),
    ...(rest.multihop && !rest.ttlSecurity ? ['ebgp-multihop 64'] : []),
    ...(rest.port === undefined ? [] : [`port ${rest.port}`]),
    // it has no word for that capability alone
    ...(rest.withoutAs4 ? ['dont-capability-negotiate'] : []),
  ];
  const perFamily = [
    'activate',
    ...(rest.client ? ['route-reflector-client'] : []),
    ...(rest.addPaths ? ['addpath-tx-all-paths'] : []),
  ];
  const v = familyOf(address);
  const routes = own.routes.filter(({ prefix }) => familyOf(prefix) === v);
  return [
    ...lines.map((line) => ` neighbor ${address} ${line}`),
    ` address-family ipv${v} unicast`,
    ...perFamily.map((line) => `  neighbor ${address} ${line}`),
    ...routes.map((route) => `  network ${route.prefix} route-map ${mapOf(route)}`),
    ' exit-address-family',
  ].join('\n');
};

const mapOf = ({ prefix }: Announcement): string => `R-${prefix.replace(/[^0-9a-f]/g, '-')}`;

/** It reads no line of any length, so that many communities are many entries, one after the other. */
const MAX_COMMUNITIES = 40;

const routeMap = (route: Announcement): string => {
  const { largeCommunities = [] } = route;
  const entry = (from: number): string[] => {
    const some = largeCommunities.slice(from, from + MAX_COMMUNITIES);
    const more = from + MAX_COMMUNITIES < largeCommunities.length;
    return [
      `route-map ${mapOf(route)} permit ${10 + from}`,
      ...(from === 0 ? others(route) : []),
      ...(some.length > 0 ? [` set large-community ${some.join(' ')}${from > 0 ? ' additive' : ''}`] : []),
      ...(more ? [' on-match next'] : []),
      'exit',
      ...(more ? entry(from + MAX_COMMUNITIES) : []),
    ];
  };
  return entry(0).join('\n');
};

const others = (route: Announcement): string[] => [
  ...(route.communities?.length ? [` set community ${route.communities.join(' ')}`] : []),
  ...(route.multiExitDisc === undefined ? [] : [` set metric ${route.multiExitDisc}`]),
  ...(route.asPath?.length ? [` set as-path prepend ${route.asPath.join(' ')}`] : []),
];

const configuration = (own: Settings): string => `
${own.routes.map(routeMap).join('\n')}
router bgp ${own.asNumber}
 bgp router-id ${own.routerId}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 bgp graceful-restart
 bgp graceful-restart preserve-fw-state
${own.clusterId === undefined ? '' : ` bgp cluster-id ${own.clusterId}`}
${own.neighbors.map((each) => neighbor(own, each)).join('\n')}
exit
`;

interface PathJson {
  readonly aspath?: { readonly segments?: readonly { readonly list: readonly number[] }[] };
  readonly metric?: number;
  readonly locPrf?: number;
  readonly community?: { readonly list: readonly string[] };
  readonly largeCommunity?: { readonly list: readonly string[] };
  readonly originatorId?: string;
  readonly clusterList?: { readonly list: readonly string[] };
  readonly nexthops: readonly { readonly ip: string; readonly scope?: string }[];
  readonly peer: { readonly peerId: string };
}

export class Frr implements OtherSpeaker {
  private constructor(
    readonly node: LabNode,
    readonly process: LabProcess,
    private readonly settings: Settings,
  ) {}

  /** A restart needs no flag: bgpd says so whenever it starts with graceful restart. */
  static async start(lab: Lab, name: string, settings: Settings): Promise<Frr> {
    if (!existsSync(`${PROGRAMS}/bgpd`)) throw new Error('FRR is not installed: apt-get install frr');
    const node = lab.node(name);
    mkdirSync(outside(node, FOLDER), { recursive: true });
    // Its daemons become that user.
    await ask(node, 'chown', 'frr:frr', FOLDER);
    const common = ['-P', '0', '--vty_socket', FOLDER, '-z', `${FOLDER}/zserv`];
    const run = (program: string, file: string, ...flags: readonly string[]) =>
      node.spawn(
        [`${PROGRAMS}/${program}`, '-f', file, '-i', `${FOLDER}/${program}.pid`, ...common, ...flags],
        { name: program },
      );
    if (!node.processes().some((process) => process.name === 'zebra')) {
      const zebra = run('zebra', privateFile(node, `${FOLDER}/zebra.conf`, ''));
      await untilAnswers(zebra, 'zebra', () => existsSync(outside(node, `${FOLDER}/zserv`)));
    }
    const bgpd = run(
      'bgpd',
      privateFile(node, `${FOLDER}/bgpd.conf`, configuration(settings)),
      '-l',
      '::',
      '-l',
      '0.0.0.0',
    );
    const frr = new Frr(node, bgpd, settings);
    await untilAnswers(bgpd, 'bgpd', () =>
      frr.vtysh('show bgp summary json').then(
        (text) => text.includes('peerCount') || settings.neighbors.length === 0,
        () => false,
      ),
    );
    return frr;
  }

  vtysh = (...commands: readonly string[]): Promise<string> =>
    ask(
      this.node,
      'vtysh',
      '--vty_socket',
      FOLDER,
      '-d',
      'bgpd',
      ...commands.flatMap((command) => ['-c', command]),
    );

  async heard(family: 4 | 6): Promise<readonly Heard[]> {
    const show = `show bgp ipv${family} unicast`;
    const all = JSON.parse(await this.vtysh(`${show} json`)) as { routes?: Record<string, unknown> };
    const prefixes = Object.keys(all.routes ?? {});
    if (prefixes.length === 0) return [];
    // One answer after the other.
    const texts = await this.vtysh(...prefixes.map((prefix) => `${show} ${prefix} json`));
    const answers = JSON.parse(`[${texts.trim().replace(/\n}\n+{/g, '\n},{')}]`) as {
      prefix: string;
      paths?: PathJson[];
    }[];
    return answers.flatMap(({ prefix, paths }) =>
      (paths ?? [])
        .filter(({ peer }) => this.settings.neighbors.some(({ address }) => address === peer.peerId))
        .map((path) => heard(prefix, path)),
    );
  }

  async askAgain(address: string): Promise<void> {
    await this.vtysh(`clear bgp ipv${familyOf(address)} unicast ${address} soft in`);
  }

  announce = (route: Announcement): Promise<void> =>
    this.configure(route.prefix, [`network ${route.prefix} route-map ${mapOf(route)}`], routeMap(route));

  withdraw = (prefix: string): Promise<void> => this.configure(prefix, [`no network ${prefix}`]);

  private async configure(prefix: string, lines: readonly string[], before = ''): Promise<void> {
    await this.vtysh(
      'configure terminal',
      ...before.split('\n').filter((line) => line !== ''),
      `router bgp ${this.settings.asNumber}`,
      `address-family ipv${familyOf(prefix)} unicast`,
      ...lines,
    );
  }
}

const heard = (prefix: string, path: PathJson): Heard => ({
  prefix,
  from: path.peer.peerId,
  nextHop: (path.nexthops.find(({ scope }) => scope === 'global') ?? path.nexthops[0])?.ip ?? '',
  asPath: (path.aspath?.segments ?? []).flatMap(({ list }) => list),
  localPref: path.locPrf,
  multiExitDisc: path.metric,
  communities: path.community?.list ?? [],
  largeCommunities: path.largeCommunity?.list ?? [],
  originatorId: path.originatorId,
  clusterList: path.clusterList?.list ?? [],
});
