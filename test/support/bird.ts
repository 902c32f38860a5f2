// BIRD 2 in a lab's node: started with a configuration, asked over its control socket.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import type { Lab, LabNode } from '../../src/lab/lab.ts';
import { until } from './etcd.ts';
import {
  type Announcement,
  familyOf,
  type Heard,
  type Neighbor,
  type OtherSpeaker,
  outside,
  privateFile,
  type Settings,
} from './speakers.ts';

/** In a folder that each node has for itself. */
const CONFIG = '/run/bird.conf';
const SOCKET = '/run/bird.ctl';

export class TestBird {
  private constructor(
    readonly node: LabNode,
    readonly process: ReturnType<LabNode['spawn']>,
  ) {}

  /** @throws when BIRD is not installed: on CI it is, so that nothing is skipped in silence. */
  static async start(
    lab: Lab,
    name: string,
    config: string,
    flags: readonly string[] = [],
  ): Promise<TestBird> {
    const program = ['/usr/sbin/bird', '/usr/local/sbin/bird'].find(existsSync);
    if (program === undefined) throw new Error('BIRD is not installed: apt-get install bird2');
    const node = lab.node(name);
    privateFile(node, CONFIG, config);
    rmSync(outside(node, SOCKET), { force: true });
    const bird = new TestBird(
      node,
      node.spawn([program, '-f', '-c', CONFIG, '-s', SOCKET, ...flags], { name: 'bird' }),
    );
    await until(
      () => existsSync(outside(node, SOCKET)) || !bird.process.running,
      'BIRD listens on its control socket',
    );
    if (!bird.process.running)
      throw new Error(`BIRD in ${name} ended: ${readFileSync(bird.process.log, 'utf8')}`);
    return bird;
  }

  async ask(command: string): Promise<string> {
    const { stdout, stderr } = await this.node.exec(['birdc', '-r', '-s', SOCKET, ...command.split(' ')]);
    return stdout + stderr;
  }

  /** One that changes something. */
  async command(command: string): Promise<string> {
    const { stdout, stderr } = await this.node.exec(['birdc', '-s', SOCKET, ...command.split(' ')]);
    return stdout + stderr;
  }

  /** Prefixes that a protocol brought into BIRD's tables. */
  async prefixes(protocol: string): Promise<string[]> {
    const lines = (await this.ask(`show route protocol ${protocol}`)).split('\n');
    return lines.flatMap((line) => /^[0-9a-f.:]+\/\d+ /.exec(line)?.[0].trim() ?? []).sort();
  }

  /** All that BIRD knows of a prefix, attributes too. */
  details = (prefix: string): Promise<string> => this.ask(`show route ${prefix} all`);

  async untilEstablished(protocol: string): Promise<void> {
    await until(
      async () => /Established/.test(await this.ask(`show protocols ${protocol}`)),
      `BIRD's ${protocol} is up`,
      40_000,
    );
  }
}

const protocolOf = (own: Settings, { address }: Neighbor): string =>
  `p${own.neighbors.findIndex((each) => each.address === address)}`;

const pair = (value: string): string => `(${value.replaceAll(':', ',')})`;

const route = ({ prefix, communities, largeCommunities, asPath }: Announcement): string =>
  [
    `route ${prefix} blackhole {`,
    ...[...(asPath ?? [])].reverse().map((value) => `bgp_path.prepend(${value});`),
    ...(communities ?? []).map((value) => `bgp_community.add(${pair(value)});`),
    ...(largeCommunities ?? []).map((value) => `bgp_large_community.add(${pair(value)});`),
    '};',
  ].join(' ');

const statics = (routes: readonly Announcement[], family: 4 | 6): string =>
  `protocol static s${family} { ipv${family}; ${routes
    .filter(({ prefix }) => familyOf(prefix) === family)
    .map(route)
    .join(' ')} }`;

/** MED goes to an external neighbor only when the export filter sets it. */
const exported = (routes: readonly Announcement[], family: 4 | 6): string => {
  const meds = routes.filter(
    ({ prefix, multiExitDisc }) => familyOf(prefix) === family && multiExitDisc !== undefined,
  );
  const lines = meds.map(
    ({ prefix, multiExitDisc }) => `if net = ${prefix} then bgp_med = ${multiExitDisc};`,
  );
  return `filter { if source !~ [ RTS_STATIC, RTS_BGP ] then reject; ${lines.join(' ')} accept; }`;
};

const portOf = (port: number | undefined): string => (port === undefined ? '' : `port ${port}`);

const neighborProtocol = (own: Settings, each: Neighbor, routes: readonly Announcement[]): string => `
protocol bgp ${protocolOf(own, each)} {
  local ${each.local.includes('%') ? '' : each.local} ${portOf(each.localPort)} as ${own.asNumber};
  neighbor ${each.address} ${portOf(each.port)} as ${each.asNumber};
  ${each.multihop ? `multihop ${each.ttlHops ?? 64}` : 'direct'}; graceful restart on; graceful restart time 60;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${each.client ? 'rr client;' : ''} ${own.clusterId === undefined ? '' : `rr cluster id ${own.clusterId};`}
  ${each.password === undefined ? '' : `password "${each.password}";`}
  ${each.ttlSecurity ? 'ttl security on;' : ''} ${each.passive ? 'passive on;' : ''}
  ${each.withoutAs4 ? 'enable as4 off;' : ''} ${each.extendedMessages ? 'enable extended messages on;' : ''}
  ipv${familyOf(each.address)} {
    import all; export ${exported(routes, familyOf(each.address))};
    ${each.addPaths ? 'add paths on;' : ''}
  };
}`;

const configuration = (own: Settings, routes: readonly Announcement[]): string => `
log stderr all;
router id ${own.routerId};
protocol device {}
protocol direct { ipv4; ipv6; interface "eth1"; }
protocol kernel k4 { ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel k6 { ipv6 { import none; export where source = RTS_BGP; }; }
${statics(routes, 4)}
${statics(routes, 6)}
${own.neighbors.map((each) => neighborProtocol(own, each, routes)).join('')}
`;

/** BIRD as one of several speakers. */
export class Bird implements OtherSpeaker {
  private constructor(
    private readonly bird: TestBird,
    private settings: Settings,
    private routes: readonly Announcement[],
  ) {}

  static async start(lab: Lab, name: string, settings: Settings, restarted = false): Promise<Bird> {
    const config = configuration(settings, settings.routes);
    const bird = await TestBird.start(lab, name, config, restarted ? ['-R'] : []);
    return new Bird(bird, settings, settings.routes);
  }

  get node(): LabNode {
    return this.bird.node;
  }
  get process(): TestBird['process'] {
    return this.bird.process;
  }

  async heard(family: 4 | 6): Promise<readonly Heard[]> {
    const neighbors = this.settings.neighbors.filter(({ address }) => familyOf(address) === family);
    const all = neighbors.map(async (each) =>
      shownRoutes(
        await this.bird.ask(`show route protocol ${protocolOf(this.settings, each)} all`),
        each.address,
      ),
    );
    return (await Promise.all(all)).flat();
  }

  async askAgain(address: string): Promise<void> {
    const neighbor = this.settings.neighbors.find((each) => each.address === address);
    if (neighbor === undefined) throw new Error(`${this.node.name} has no neighbor ${address}`);
    await this.bird.command(`reload in ${protocolOf(this.settings, neighbor)}`);
  }

  announce = (each: Announcement): Promise<void> => this.reconfigure([...this.routes, each]);

  withdraw = (prefix: string): Promise<void> =>
    this.reconfigure(this.routes.filter((each) => each.prefix !== prefix));

  /** Other neighbors, or other settings of them. */
  become(settings: Settings): Promise<void> {
    this.settings = settings;
    return this.reconfigure(settings.routes);
  }

  private async reconfigure(routes: readonly Announcement[]): Promise<void> {
    this.routes = routes;
    privateFile(this.node, CONFIG, configuration(this.settings, routes));
    const answer = await this.bird.command('configure');
    if (!/Reconfigur/.test(answer)) throw new Error(`BIRD in ${this.node.name}: ${answer}`);
  }
}

/** What `show route … all` says. A prefix stands in front of its first path alone. */
function shownRoutes(text: string, from: string): Heard[] {
  const routes: Heard[] = [];
  let prefix = '';
  for (const part of text.split(/\n(?=\S| {5,}\S)/)) {
    const first = /^(\S*) +(?:unicast|blackhole|unreachable) \[/.exec(part);
    if (first === null) continue;
    prefix = first[1] || prefix;
    const field = (name: string): string | undefined =>
      new RegExp(`BGP\\.${name}: *(.*?) *$`, 'm').exec(part)?.[1];
    const number = (name: string) => (field(name) === undefined ? undefined : Number(field(name)));
    // a long list goes on in lines that begin with two tabs
    const lists = (name: string) =>
      (new RegExp(`BGP\\.${name}:.*(?:\n\t\t.*)*`).exec(part)?.[0].match(/\([^)]*\)/g) ?? []).map((each) =>
        each.slice(1, -1).split(/, */).join(':'),
      );
    routes.push({
      prefix,
      from,
      nextHop: field('next_hop')?.split(' ')[0] ?? '',
      asPath: (field('as_path') ?? '').split(' ').filter(Boolean).map(Number),
      localPref: number('local_pref'),
      multiExitDisc: number('med'),
      communities: lists('community'),
      largeCommunities: lists('large_community'),
      originatorId: field('originator_id'),
      clusterList: (field('cluster_list') ?? '').split(' ').filter(Boolean),
    });
  }
  return routes;
}
