// The text of a BGPFilter → its rules (data model 4). A filter with anything wrong is refused whole: half of its rules could let
// out what the other half holds back.

import { FAMILY, type Family } from 'bgp-utils';
import { AS_NUMBER, type Fields, shown } from './fields.ts';
import type { BgpFilter, FilterOperation, FilterRule, Problem } from './resources.ts';
import { MAX_PRIORITY, parseAsNumber, parseCommunity } from './values.ts';

export function bgpFilter(
  { name, annotations }: Pick<BgpFilter, 'name' | 'annotations'>,
  root: Fields,
  problems: readonly Problem[],
): BgpFilter | undefined {
  const spec = root.inside('spec');
  const rules = (field: string, family: Family) =>
    spec.objects(field, (item) => filterRule(item, family)) ?? [];
  const filter: BgpFilter = {
    name,
    annotations,
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
  const values = item.object('communities')?.strings('values');
  const asPathPrefix = item.list(
    'asPathPrefix',
    (value) => parseAsNumber(value) ?? item.wrong('asPathPrefix', `${shown(value)} is not ${AS_NUMBER}`),
  );
  const priority = item.integer('priority', 1, MAX_PRIORITY);
  const operations = item.objects('operations', filterOperation);
  if (item.has('cidr') !== item.has('matchOperator')) {
    item.wrong(item.has('cidr') ? 'matchOperator' : 'cidr', 'is missing: cidr and matchOperator go together');
  }
  if (range !== undefined && !item.has('cidr')) item.wrong('prefixLength', 'needs cidr');
  if (device !== undefined && !/^[a-zA-Z0-9_.*-]{1,15}$/.test(device))
    item.wrong('interface', `${shown(device)} is not an interface pattern like eth*`);
  for (const value of values ?? []) {
    if (parseCommunity(value) === undefined)
      item.wrong('communities.values', `${shown(value)} is not a community like 64512:100 or 64512:300:7`);
  }
  if (operations !== undefined && operations.length > 0 && action === 'Reject')
    item.wrong('operations', 'only go with action Accept');
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
    ...(operations !== undefined && { operations }),
  };
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
    const prefix = inner.list('prefix', (value, path) => {
      const parsed = parseAsNumber(value);
      if (parsed === undefined) inner.report(path, `${shown(value)} is not ${AS_NUMBER}`);
      return parsed;
    });
    if (prefix !== undefined && prefix.length >= 1 && prefix.length <= 10)
      return { prependASPath: { prefix } };
    return inner.wrong('prefix', 'needs 1 to 10 AS numbers');
  }
  const value = inner.integer('value', 1, MAX_PRIORITY);
  if (value !== undefined) return { setPriority: { value } };
  return inner.has('value') ? undefined : inner.wrong('value', 'is missing');
}
