// ExaBGP in a lab's node. It keeps no table: a helper process of its own writes down every UPDATE that it decodes, and hands it
// the commands that a test gives; the table is made here.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { LabProcess } from '../../src/lab/background.ts';
import type { Lab, LabNode } from '../../src/lab/lab.ts';
import {
  type Announcement,
  familyOf,
  type Heard,
  type Neighbor,
  type OtherSpeaker,
  outside,
  privateFile,
  type Settings,
  untilAnswers,
} from './speakers.ts';

const CONFIG = '/run/exabgp.conf';
const HEARD = '/run/exabgp.heard';
const COMMANDS = '/run/exabgp.commands';

/** A shell gives its background jobs no stdin, so it is kept under another number. */
const HELPER = `#!/bin/sh
exec 3<&0
cat <&3 >${HEARD} &
exec tail -n +1 -f ${COMMANDS}
`;

const route = ({ prefix, communities, largeCommunities, multiExitDisc, asPath }: Announcement): string =>
  [
    `route ${prefix} next-hop self`,
    ...(asPath?.length ? [`as-path [ ${asPath.join(' ')} ]`] : []),
    ...(multiExitDisc === undefined ? [] : [`med ${multiExitDisc}`]),
    ...(communities?.length ? [`community [ ${communities.join(' ')} ]`] : []),
    ...(largeCommunities?.length ? [`large-community [ ${largeCommunities.join(' ')} ]`] : []),
  ].join(' ');

const neighbor = (own: Settings, each: Neighbor): string => {
  const v = familyOf(each.address);
  return `
neighbor ${each.address} {
  router-id ${own.routerId};
  local-address ${each.local};
  local-as ${own.asNumber};
  peer-as ${each.asNumber};
  ${each.password === undefined ? '' : `md5-password '${each.password}'; md5-base64 false;`}
  ${each.ttlSecurity ? 'incoming-ttl 255; outgoing-ttl 255;' : ''}
  ${each.passive ? 'passive true;' : ''}
  capability {
    route-refresh enable;
    graceful-restart 60;
    asn4 ${each.withoutAs4 ? 'disable' : 'enable'};
    ${each.addPaths ? 'add-path send/receive;' : ''}
    ${each.extendedMessages ? 'extended-message enable;' : 'extended-message disable;'}
  }
  family { ipv${v} unicast; }
  static { ${own.routes
    .filter(({ prefix }) => familyOf(prefix) === v)
    .map((each) => `${route(each)};`)
    .join(' ')} }
  api { processes [ helper ]; neighbor-changes; receive { parsed; update; } }
}
`;
};

type Nlri = string | { readonly nlri: string; readonly 'path-information'?: string };

interface UpdateJson {
  readonly type: string;
  readonly neighbor: {
    readonly address: { readonly peer: string };
    readonly state?: string;
    readonly message?: {
      readonly update?: {
        readonly attribute?: Record<string, unknown>;
        readonly announce?: Record<string, Record<string, readonly Nlri[]>>;
        readonly withdraw?: Record<string, readonly Nlri[]>;
      };
    };
  };
}

export class ExaBgp implements OtherSpeaker {
  private constructor(
    readonly node: LabNode,
    readonly process: LabProcess,
    private readonly settings: Settings,
  ) {}

  static async start(lab: Lab, name: string, settings: Settings): Promise<ExaBgp> {
    const node = lab.node(name);
    privateFile(node, COMMANDS, '');
    privateFile(node, HEARD, '');
    const helper = privateFile(node, '/run/exabgp.helper', HELPER, 0o755);
    const config = `process helper { run ${helper}; encoder json; }\n${settings.neighbors
      .map((each) => neighbor(settings, each))
      .join('')}`;
    const program = ['/usr/sbin/exabgp', '/usr/bin/exabgp'].find(existsSync);
    if (program === undefined) throw new Error('ExaBGP is not installed: apt-get install exabgp');
    const process = node.spawn([program, privateFile(node, CONFIG, config)], {
      name: 'exabgp',
      env: {
        'exabgp.daemon.user': 'root',
        'exabgp.api.cli': 'false',
        'exabgp.api.ack': 'false',
        'exabgp.reactor.speed': '0.1',
        'exabgp.tcp.bind': settings.neighbors.map(({ local }) => local).join(' '),
        'exabgp.log.level': 'NOTICE',
      },
    });
    const speaker = new ExaBgp(node, process, settings);
    await untilAnswers(
      process,
      'exabgp',
      async () => (await node.exec(['ss', '-Hltn', 'sport = :179'])).stdout.trim() !== '',
    );
    return speaker;
  }

  heard(family: 4 | 6): Promise<readonly Heard[]> {
    const table = new Map<string, Heard>();
    const name = `ipv${family} unicast`;
    const nlri = (entry: Nlri) => (typeof entry === 'string' ? entry : entry.nlri);
    const key = (from: string, entry: Nlri) =>
      `${from} ${nlri(entry)} ${(typeof entry === 'object' && entry['path-information']) || ''}`;
    for (const line of readFileSync(outside(this.node, HEARD), 'utf8').split('\n')) {
      // The last line may be half written.
      if (!line.endsWith('}')) continue;
      const { type, neighbor } = JSON.parse(line) as UpdateJson;
      const from = neighbor.address.peer;
      if (type === 'state' && neighbor.state === 'down')
        for (const [path, each] of table) if (each.from === from) table.delete(path);
      const update = neighbor.message?.update;
      for (const entry of update?.withdraw?.[name] ?? []) table.delete(key(from, entry));
      for (const [nextHop, entries] of Object.entries(update?.announce?.[name] ?? {}))
        for (const entry of entries)
          table.set(key(from, entry), heard(nlri(entry), from, nextHop, update?.attribute ?? {}));
    }
    return Promise.resolve([...table.values()]);
  }

  askAgain(address: string): Promise<void> {
    return this.tell(`announce route-refresh ipv${familyOf(address)} unicast`, familyOf(address));
  }

  announce = (each: Announcement): Promise<void> =>
    this.tell(`announce ${route(each)}`, familyOf(each.prefix));

  withdraw = (prefix: string): Promise<void> =>
    this.tell(`withdraw route ${prefix} next-hop self`, familyOf(prefix));

  /** To the neighbors of that family. */
  private tell(command: string, family: 4 | 6): Promise<void> {
    for (const { address } of this.settings.neighbors)
      if (familyOf(address) === family)
        appendFileSync(outside(this.node, COMMANDS), `neighbor ${address} ${command}\n`);
    return Promise.resolve();
  }
}

function heard(prefix: string, from: string, nextHop: string, attributes: Record<string, unknown>): Heard {
  const colons = (name: string) =>
    ((attributes[name] as number[][] | undefined) ?? []).map((parts) => parts.join(':'));
  const path = attributes['as-path'];
  return {
    prefix,
    from,
    nextHop,
    asPath: Array.isArray(path)
      ? (path as number[])
      : Object.values((path ?? {}) as Record<string, { value: number[] }>).flatMap(({ value }) => value),
    localPref: attributes['local-preference'] as number | undefined,
    multiExitDisc: attributes.med as number | undefined,
    communities: colons('community'),
    largeCommunities: colons('large-community'),
    originatorId: attributes['originator-id'] as string | undefined,
    clusterList: (attributes['cluster-list'] as string[] | undefined) ?? [],
  };
}
