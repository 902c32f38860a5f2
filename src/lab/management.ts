// Addresses of the management network: the gateway is the first of each subnet, nodes follow in the file's order.

import { Address4, Address6 } from 'ip-address';
import type { Management, NodeSpec } from './spec.ts';

export interface NodeManagement {
  /** With prefix length. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** Without. */
  readonly gateways: readonly string[];
}

export interface ManagementAddresses {
  /** With prefix length, IPv4 first. */
  readonly gateways: readonly string[];
  readonly byNode: ReadonlyMap<string, NodeManagement>;
}

/** The file's fixed addresses stay; the others take what is free. */
export function managementAddresses(management: Management, nodes: readonly NodeSpec[]): ManagementAddresses {
  const managed = nodes.filter((node) => node.managed);
  const four = numbered(
    managed.map((node) => node.mgmtIpv4),
    new Address4(management.ipv4Subnet).startAddress().bigInt(),
    (value) => Address4.fromBigInt(value).correctForm(),
  );
  const six = numbered(
    managed.map((node) => node.mgmtIpv6),
    new Address6(management.ipv6Subnet).startAddress().bigInt(),
    (value) => Address6.fromBigInt(value).correctForm(),
  );
  const lengths = [management.ipv4Subnet, management.ipv6Subnet].map((subnet) => subnet.split('/')[1]);
  const gateways = [four.gateway, six.gateway];
  return {
    gateways: [`${four.gateway}/${lengths[0]}`, `${six.gateway}/${lengths[1]}`],
    byNode: new Map(
      managed.map((node, index) => [
        node.name,
        { ipv4: `${four.nodes[index]}/${lengths[0]}`, ipv6: `${six.nodes[index]}/${lengths[1]}`, gateways },
      ]),
    ),
  };
}

function numbered(
  fixed: readonly (string | undefined)[],
  network: bigint,
  format: (value: bigint) => string,
): { readonly gateway: string; readonly nodes: readonly string[] } {
  const taken = new Set(fixed);
  let next = network + 1n;
  const gateway = format(next);
  const nodes = fixed.map((address) => {
    if (address !== undefined) return address;
    do next++;
    while (taken.has(format(next)));
    return format(next);
  });
  return { gateway, nodes };
}

/** @returns what is wrong with a subnet's text, or undefined. */
export function subnetError(text: string, family: 4 | 6): string | undefined {
  const valid = family === 4 ? Address4.isValid(text) : Address6.isValid(text);
  return valid && text.includes('/') ? undefined : `"${text}" is no IPv${family} subnet (address/length)`;
}
