// The AFI/SAFI pairs that we speak (RFC 4760; IANA "Address Family Numbers", "SAFI Values").

/** An address family; every route here is unicast (SAFI 1), so the address family says all. */
export type Family = 'ipv4' | 'ipv6';

export interface FamilyInfo {
  readonly family: Family;
  readonly afi: number;
  readonly safi: number;
  readonly addressOctets: 4 | 16;
  readonly addressBits: 32 | 128;
}

/** In the order in which lists of families are sent, shown and indexed. */
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

export const FAMILY: Readonly<Record<Family, FamilyInfo>> = {
  ipv4: { family: 'ipv4', afi: 1, safi: 1, addressOctets: 4, addressBits: 32 },
  ipv6: { family: 'ipv6', afi: 2, safi: 1, addressOctets: 16, addressBits: 128 },
};

/** @returns the family for a pair from the wire, or undefined when we do not speak it. */
export function familyOf(afi: number, safi: number): Family | undefined {
  if (safi !== 1) return undefined;
  return afi === 1 ? 'ipv4' : afi === 2 ? 'ipv6' : undefined;
}
