// Route leaks (RFC 9234 §5): ONLY_TO_CUSTOMER is set on the way down and sideways, and a route that has it does not go
// up or sideways again. No policy changes that. Roles are said and compared in session/role.ts.

import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import type { Role } from '../wire/constants.ts';

/** A route that came in and is a leak: it must not be used (§5, ingress 1 and 2). `role` is ours. */
export function leaked(attributes: PathAttributes, role: Role, remoteAs: number): string | undefined {
  const { onlyToCustomer } = attributes;
  if (onlyToCustomer === undefined) return undefined;
  if (role === 'provider' || role === 'rs')
    return 'a leak: ONLY_TO_CUSTOMER, and it came from below (RFC 9234 §5)';
  if (role === 'peer' && onlyToCustomer !== remoteAs)
    return `a leak: ONLY_TO_CUSTOMER ${onlyToCustomer} from the peer AS ${remoteAs} (RFC 9234 §5)`;
  return undefined;
}

/** Ingress 3: what a provider, peer or route server sends is marked where it did not do so itself. */
export function markedOnReceipt(attributes: PathAttributes, role: Role, remoteAs: number): PathAttributes {
  return attributes.onlyToCustomer === undefined && upwards(role)
    ? { ...attributes, onlyToCustomer: remoteAs }
    : attributes;
}

/** Egress 2: a marked route does not go to providers, peers and route servers. */
export function leaks(attributes: PathAttributes, role: Role): string | undefined {
  return upwards(role) && attributes.onlyToCustomer !== undefined
    ? `ONLY_TO_CUSTOMER, and we are ${role} here (RFC 9234 §5)`
    : undefined;
}

/** Egress 1: what goes to customers, peers and clients of a route server is marked with our AS number. */
export function markedOnSending(attributes: PathAttributes, role: Role, localAs: number): PathAttributes {
  return attributes.onlyToCustomer === undefined && (role === 'provider' || role === 'peer' || role === 'rs')
    ? { ...attributes, onlyToCustomer: localAs }
    : attributes;
}

const upwards = (role: Role): boolean => role === 'customer' || role === 'peer' || role === 'rs-client';
