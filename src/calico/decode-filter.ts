// The text of a BGPFilter → its rules (data model 4). A filter with anything wrong is refused whole: half of its rules could let
// out what the other half holds back.

import { FAMILY, type Family } from 'bgp-utils';
import { type Fields, named, shown } from './fields.ts';
import type { BgpFilter, FilterOperation, FilterRule, Problem } from './resources.ts';
import { MAX_PRIORITY, parseCommunity } from './values.ts';

const MAX_OPERATIONS = 10;
const MAX_PREPENDED = 10;

export function bgpFilter(name: string, root: Fields, problems: readonly Problem[]): BgpFilter | undefined {
  const spec = root.inside('spec');
  const rules = (field: string, family: Family) =>
    spec.objects(field, (item) => filterRule(item, family)) ?? [];
  const filter: BgpFilter = {
    ...named(name, root),
    import: { ipv4: rules('importV4', 'ipv4'), ipv6: rules('importV6', 'ipv6') },
    export: { ipv4: rules('exportV4', 'ipv4'), ipv6: rules('exportV6', 'ipv6') },
  };
  return problems.length === 0 ? filter : undefined;
}

function filterRule(item: Fields, family: Family): FilterRule | undefined {
  const bits = FAMILY[family].addressBits;
  const cidr = item.prefix('cidr', family);
  const matchOperator = item.oneOf('matchOperator', ['Equal', 'NotEqual', 'In', 'NotIn']);
  const range = item.object('prefixLength');
  const [min, max] = [range?.integer('min', 0, bits), range?.integer('max', 0, bits)];
  const action = item.oneOf('action', ['Accept', 'Reject']);
  const source = item.oneOf('source', ['RemotePeers']);
  const device = item.text('interface');
  const peerType = item.oneOf('peerType', ['eBGP', 'iBGP']);
  const values = communityValues(item);
  const asPathPrefix = item.asNumbers('asPathPrefix');
  const priority = item.integer('priority', 1, MAX_PRIORITY);
  const operations = item.objects('operations', filterOperation);
  if (item.has('cidr') !== item.has('matchOperator')) {
    item.wrong(item.has('cidr') ? 'matchOperator' : 'cidr', 'is missing: cidr and matchOperator go together');
  }
  if (range !== undefined && !item.has('cidr')) item.wrong('prefixLength', 'needs cidr');
  if (min !== undefined && max !== undefined && min > max)
    item.wrong('prefixLength', `has min ${min} above max ${max}, so that nothing fits`);
  if (device !== undefined && !/^[a-zA-Z0-9_.*-]{1,15}$/.test(device))
    item.wrong('interface', `${shown(device)} is not an interface pattern like eth*`);
  if (operations !== undefined && operations.length > 0 && action === 'Reject')
    item.wrong('operations', 'only go with action Accept');
  if (operations !== undefined && operations.length > MAX_OPERATIONS)
    item.wrong('operations', `has ${operations.length} entries; 1 to ${MAX_OPERATIONS} are allowed`);
  if (action === undefined)
    return item.has('action') ? undefined : item.wrong('action', 'is missing: Accept or Reject');
  return {
    ...(cidr !== undefined && { cidr }),
    ...(matchOperator !== undefined && { matchOperator }),
    ...(range !== undefined && {
      prefixLength: { ...(min !== undefined && { min }), ...(max !== undefined && { max }) },
    }),
    ...(source !== undefined && { source }),
    ...(device !== undefined && { interface: device }),
    ...(peerType !== undefined && { peerType }),
    ...(values !== undefined && { communities: { values } }),
    ...(asPathPrefix !== undefined && { asPathPrefix }),
    ...(priority !== undefined && { priority }),
    action,
    ...(operations !== undefined && operations.length > 0 && { operations }),
  };
}

/** Exactly one value, says Calico. */
function communityValues(item: Fields): string[] | undefined {
  const communities = item.object('communities');
  if (communities === undefined) return undefined;
  const values = communities.strings('values', (value) =>
    parseCommunity(value) === undefined
      ? `${shown(value)} is not a community like 64512:100 or 64512:300:7`
      : undefined,
  );
  const given = communities.raw('values');
  if (given === undefined || (Array.isArray(given) && given.length !== 1))
    communities.wrong('values', 'needs exactly one community');
  return values;
}

function filterOperation(item: Fields): FilterOperation | undefined {
  const given = ['addCommunity', 'prependASPath', 'setPriority'].filter((name) => item.has(name));
  if (given.length !== 1)
    return item.wrong('', 'needs exactly one of addCommunity, prependASPath, setPriority');
  const inner = item.inside(given[0]!);
  if (given[0] === 'addCommunity') {
    const value = inner.text('value') ?? '';
    if (parseCommunity(value) !== undefined) return { addCommunity: { value } };
    return inner.wrong('value', `${shown(value)} is not a community like 64512:100 or 64512:300:7`);
  }
  if (given[0] === 'prependASPath') {
    const prefix = inner.asNumbers('prefix');
    if (prefix !== undefined && prefix.length >= 1 && prefix.length <= MAX_PREPENDED)
      return { prependASPath: { prefix } };
    return inner.wrong('prefix', `needs 1 to ${MAX_PREPENDED} AS numbers`);
  }
  const value = inner.integer('value', 1, MAX_PRIORITY);
  if (value !== undefined) return { setPriority: { value } };
  return inner.has('value') ? undefined : inner.wrong('value', 'is missing');
}
