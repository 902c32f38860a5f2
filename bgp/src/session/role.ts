// BGP roles (RFC 9234 §4): which side of an external session is what to the other, said in the OPEN. What follows for
// routes is policy/leaks.ts.

import type { Capability } from '../wire/capability.ts';
import { ERROR_CODE, OPEN_ERROR, ROLE, type Role } from '../wire/constants.ts';
import { type Notification, notification } from '../wire/notification.ts';

export interface RoleSetting {
  /** What this speaker is on the session. */
  readonly role: Role;
  /** A peer that does not say its role is refused (§4.2). */
  readonly strict: boolean;
}

/** The role that the other side must have (RFC 9234 §4.2, table 2). */
const COUNTERPART: Readonly<Record<Role, Role>> = {
  provider: 'customer',
  customer: 'provider',
  rs: 'rs-client',
  'rs-client': 'rs',
  peer: 'peer',
};

/** @returns the NOTIFICATION to send when the roles do not fit (§4.2): Role Mismatch. */
export function roleMismatch(
  { role, strict }: RoleSetting,
  remote: readonly Capability[],
): Notification | undefined {
  const said = new Set(remote.flatMap((capability) => (capability.name === 'Role' ? capability.role : [])));
  const fits = said.size === 0 ? !strict : said.size === 1 && said.has(ROLE[COUNTERPART[role]]);
  return fits ? undefined : notification(ERROR_CODE.OPEN_MESSAGE_ERROR, OPEN_ERROR.ROLE_MISMATCH);
}
