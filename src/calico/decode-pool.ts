// The text of an IPPool → what BGP needs of it (data model 1.6). Fields that are IPAM's or Felix's are checked, and a mistake in
// them is told, but only one that leaves it open what may be advertised costs the pool.

import { FAMILY, familyOfPrefix, type Prefix } from 'bgp-utils';
import { type Fields, named, shown } from './fields.ts';
import type { IpPool, Problem } from './resources.ts';

const MODES = ['Never', 'Always', 'CrossSubnet'] as const;
const USES = ['Workload', 'Tunnel', 'LoadBalancer'];

export function ipPool(name: string, root: Fields, problems: readonly Problem[]): IpPool | undefined {
  const spec = root.inside('spec');
  const cidr = spec.prefix('cidr');
  if (cidr === undefined && !spec.has('cidr')) spec.wrong('cidr', 'is missing, as in 10.65.0.0/16');
  const pool = {
    ...named(name, root),
    ipipMode: spec.oneOf('ipipMode', MODES) ?? 'Never',
    vxlanMode: spec.oneOf('vxlanMode', MODES) ?? 'Never',
    disableBgpExport: spec.flag('disableBGPExport') ?? false,
  };
  if (pool.ipipMode !== 'Never' && pool.vxlanMode !== 'Never')
    spec.wrong('vxlanMode', 'cannot be together with ipipMode');
  if (cidr !== undefined && pool.ipipMode !== 'Never' && familyOfPrefix(cidr) === 'ipv6')
    spec.wrong('ipipMode', 'is for IPv4 pools only');
  const refused = problems.length > 0;
  othersFields(spec, cidr);
  return cidr === undefined || refused ? undefined : { ...pool, cidr };
}

/** Not BGP's, but a typing error here is one that calicoctl would have refused. */
function othersFields(spec: Fields, cidr: Prefix | undefined): void {
  for (const field of ['disabled', 'natOutgoing']) spec.flag(field);
  const bits = cidr && FAMILY[familyOfPrefix(cidr)].addressBits;
  if (bits !== undefined) spec.integer('blockSize', bits === 32 ? 20 : 116, bits);
  for (const field of ['nodeSelector', 'namespaceSelector']) spec.selector(field);
  spec.oneOf('assignmentMode', ['Automatic', 'Manual']);
  spec.strings('allowedUses', (use) =>
    USES.includes(use) ? undefined : `${shown(use)} is not one of ${USES.join(', ')}`,
  );
}
