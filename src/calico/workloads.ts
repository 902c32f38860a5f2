// Felix's endpoint status files → the workloads of this host that may peer with it (data model 1.17, 2.7). Felix evaluates
// `localWorkloadSelector`, and names the BGPPeer in the file.

import { type Address, FAMILIES, type Family, familyOfAddress, parseNetwork } from 'bgp-utils';
import { Fields, isObject } from './fields.ts';
import type { Problem } from './resources.ts';

/** A container of this host that may peer with it. */
export interface LocalWorkload {
  readonly bgpPeerName: string;
  /** Of the first network of each family. */
  readonly addresses: Readonly<Record<Family, Address | undefined>>;
}

export interface LocalWorkloads {
  /** By file name. */
  readonly workloads: readonly LocalWorkload[];
  readonly problems: readonly Problem[];
}

export const NO_WORKLOADS: LocalWorkloads = { workloads: [], problems: [] };

/** @param files  name → text. One that cannot be read is told, and hides no other. */
export function localWorkloads(files: ReadonlyMap<string, string>): LocalWorkloads {
  const workloads: LocalWorkload[] = [];
  const problems: Problem[] = [];
  for (const [name, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const workload = endpoint(text, (field, message) =>
      problems.push({ resource: `EndpointStatus/${name}`, field, message }),
    );
    if (workload !== undefined) workloads.push(workload);
  }
  return { workloads, problems };
}

function endpoint(text: string, report: (field: string, message: string) => void): LocalWorkload | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    report('', `not JSON, so no workload peers by it: ${(error as Error).message}`);
    return undefined;
  }
  if (!isObject(value)) {
    report('', 'not a JSON object, so no workload peers by it');
    return undefined;
  }
  const fields = new Fields(value, '', report);
  const bgpPeerName = fields.text('bgpPeerName');
  if (bgpPeerName === undefined) return undefined; // a workload that does not peer
  const addresses = { ipv4: firstAddress(fields, 'ipv4'), ipv6: firstAddress(fields, 'ipv6') };
  return FAMILIES.some((family) => addresses[family]) ? { bgpPeerName, addresses } : undefined;
}

function firstAddress(fields: Fields, family: Family): Address | undefined {
  const name = `${family}Nets`;
  const [first] = fields.strings(name) ?? [];
  if (first === undefined) return undefined;
  const network = parseNetwork(first);
  if (network !== undefined && familyOfAddress(network.address) === family) return network.address;
  return fields.wrong(`${name}[0]`, `${JSON.stringify(first)} is not of that family, as in 10.65.0.65/32`);
}
