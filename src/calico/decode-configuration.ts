// The text of a BGPConfiguration → its fields (data model 1.3). What is wrong counts as absent; the mesh password alone does
// not: a mesh that shall have one must not come up without.

import { type Fields, named, secret, shown } from './fields.ts';
import type { BgpConfiguration, Community, LogSeverity, PrefixAdvertisement } from './resources.ts';
import { MAX_PRIORITY, parseCommunity } from './values.ts';

const PROGRAM = ['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'] as const;
/** Any case, says Calico. */
const LOG_SEVERITIES: Readonly<Record<string, LogSeverity>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
};

/** calicoctl refuses them in `node.<name>`, and so does whoever reads: a node cannot switch off the mesh of all. */
const OF_DEFAULT_ALONE = [
  'nodeToNodeMeshEnabled',
  'asNumber',
  'nodeMeshPassword',
  'nodeMeshMaxRestartTime',
  'serviceClusterIPs',
  'serviceExternalIPs',
  'serviceLoadBalancerIPs',
];

const MAX_ENTRIES = 500;
const MAX_COMMUNITIES = 50;

export function bgpConfiguration(name: string, root: Fields): BgpConfiguration | undefined {
  if (name !== 'default' && !name.startsWith('node.')) {
    root.report(
      'metadata.name',
      'only "default" and "node.<name of a node>" have a meaning, so this one is ignored',
    );
    return undefined;
  }
  const spec = root.inside('spec');
  const configuration: BgpConfiguration = {
    ...named(name, root),
    nodeToNodeMeshEnabled: spec.flag('nodeToNodeMeshEnabled'),
    asNumber: spec.asNumber('asNumber'),
    listenPort: spec.integer('listenPort', 1, 65535),
    bindMode: spec.oneOf('bindMode', ['None', 'NodeIP']),
    nodeMeshPassword: secret(spec, 'nodeMeshPassword'),
    nodeMeshMaxRestartSeconds: spec.seconds('nodeMeshMaxRestartTime'),
    logSeverity: logSeverity(spec),
    ignoredInterfaces: ignoredInterfaces(spec),
    programClusterRoutes: spec.oneOf('programClusterRoutes', PROGRAM),
    normalRoutePriority: {
      ipv4: spec.integer('ipv4NormalRoutePriority', 1, MAX_PRIORITY),
      ipv6: spec.integer('ipv6NormalRoutePriority', 1, MAX_PRIORITY),
    },
    prefixAdvertisements: advertisements(spec),
  };
  spec.address('localWorkloadPeeringIPV4', 'ipv4');
  spec.address('localWorkloadPeeringIPV6', 'ipv6');
  contradictions(configuration, spec);
  return configuration;
}

/** What calicoctl refuses to write; another writer may have written it. */
function contradictions({ name, nodeToNodeMeshEnabled }: BgpConfiguration, spec: Fields): void {
  if (name !== 'default') {
    for (const field of OF_DEFAULT_ALONE)
      if (spec.has(field))
        spec.wrong(field, 'has a meaning in BGPConfiguration default alone, and is ignored here');
    return;
  }
  if (nodeToNodeMeshEnabled !== false) return;
  for (const field of ['nodeMeshPassword', 'nodeMeshMaxRestartTime'])
    if (spec.has(field)) spec.wrong(field, 'is for the mesh, which nodeToNodeMeshEnabled switches off');
}

function logSeverity(spec: Fields): LogSeverity | undefined {
  const text = spec.text('logSeverityScreen');
  if (text === undefined) return undefined;
  const known = Object.keys(LOG_SEVERITIES).find((name) => name === text.toLowerCase());
  if (known !== undefined) return LOG_SEVERITIES[known];
  return spec.wrong(
    'logSeverityScreen',
    `${shown(text)} is not one of ${Object.keys(LOG_SEVERITIES).join(', ')}`,
  );
}

const ignoredInterfaces = (spec: Fields): string[] =>
  spec.strings('ignoredInterfaces', (pattern) =>
    /^[a-zA-Z0-9_.*-]{1,15}$/.test(pattern) && pattern !== '*'
      ? undefined
      : `${shown(pattern)} is not an interface pattern like docker*`,
  ) ?? [];

/** Names are those of the same object; it is the one place that knows them. */
function advertisements(spec: Fields): PrefixAdvertisement[] | undefined {
  const names = new Map<string, Community>();
  const defined = spec.objects('communities', (item) => {
    const [key, value] = [item.needed('name'), item.needed('value')];
    const community = parseCommunity(value ?? '');
    if (value !== undefined && community === undefined)
      item.wrong('value', `${shown(value)} is not a community like 64512:100 or 64512:300:7`);
    return key === undefined || community === undefined ? undefined : names.set(key, community);
  });
  const advertised = spec.objects('prefixAdvertisements', (item) => advertisement(item, names));
  if (defined !== undefined && defined.length > 0 && advertised === undefined)
    spec.wrong('communities', 'are names for prefixAdvertisements, and there are none');
  for (const [field, list] of [
    ['communities', defined],
    ['prefixAdvertisements', advertised],
  ] as const) {
    if ((list?.length ?? 0) > MAX_ENTRIES)
      spec.wrong(field, `has ${list!.length} entries; Calico takes ${MAX_ENTRIES}`);
  }
  return advertised;
}

function advertisement(item: Fields, names: ReadonlyMap<string, Community>): PrefixAdvertisement | undefined {
  const cidr = item.prefix('cidr');
  const found = new Map<string, Community>();
  const texts = item.strings('communities', (text) => {
    const community = names.get(text) ?? parseCommunity(text);
    if (community === undefined)
      return `${shown(text)} is neither a community nor a name in spec.communities`;
    found.set(community.text, community);
    return undefined;
  });
  if ((texts?.length ?? 0) > MAX_COMMUNITIES)
    item.wrong('communities', `has ${texts!.length} entries; Calico takes ${MAX_COMMUNITIES}`);
  if (cidr === undefined) return item.has('cidr') ? undefined : item.wrong('cidr', 'is missing');
  return { cidr, communities: [...found.values()].sort((a, b) => (a.text < b.text ? -1 : 1)) };
}
