// UPDATE (RFC 4271 §4.3, §6.3; RFC 4760; RFC 7606): octets → what is withdrawn and announced, and both → messages that
// are as full as they may be. Which routes share attributes is for rib/update-packer.ts.

import { familyOfAddress } from '../net/address.ts';
import { FAMILY, type Family } from '../net/family.ts';
import { type AttributeFinding, CATEGORY_FLAGS, writeAttribute } from './attribute/codec.ts';
import { reachNextHop } from './attribute/mp-reach-nlri.ts';
import { mpUnreachNlri } from './attribute/mp-unreach-nlri.ts';
import type { NextHop, PathAttributes } from './attribute/path-attributes.ts';
import { type DecodedAttributes, decodeAttributes, encodeAttributes } from './attribute/table.ts';
import type { AfiSafi } from './capability.ts';
import { ATTRIBUTE, ERROR_CODE, MESSAGE_TYPE, UPDATE_ERROR } from './constants.ts';
import { INITIAL_CONTEXT, type WireContext } from './context.ts';
import { beginMessage, endMessage } from './framer.ts';
import { checkNlri, type NlriBlock } from './nlri.ts';
import { type Notification, notification } from './notification.ts';
import { Reader } from './reader.ts';
import {
  type EncodedRoute,
  type OctetRange,
  type PrefixSource,
  writeAnnounce,
  writeWithdraw,
} from './update-writer.ts';
import { Writer } from './writer.ts';

export type { AttributeFinding, AttributeOutcome } from './attribute/codec.ts';
export type { PrefixSource } from './update-writer.ts';

export interface ReachableNlri {
  readonly nlri: NlriBlock;
  /** That of NEXT_HOP for the NLRI field, or that of MP_REACH_NLRI. */
  readonly nextHop: NextHop;
}

export interface Update {
  readonly type: 'Update';
  /** With `treatAsWithdraw`, also the routes that the message meant to announce. */
  readonly withdrawn: readonly NlriBlock[];
  readonly announced: readonly ReachableNlri[];
  /** Of all that is announced, without the next hop; undefined when nothing is. */
  readonly attributes: PathAttributes | undefined;
  readonly findings: readonly AttributeFinding[];
  /** An error made the routes of this message unusable (RFC 7606 §2): `announced` is empty, `withdrawn` has them. */
  readonly treatAsWithdraw: boolean;
  /** The message is the End-of-RIB marker of that family (RFC 4724 §2). */
  readonly endOfRib: Family | undefined;
}

export type DecodedUpdate =
  | { readonly ok: true; readonly update: Update }
  /** The NOTIFICATION to send, and what led to it. */
  | { readonly ok: false; readonly error: Notification; readonly findings: readonly AttributeFinding[] };

const updateError = (subcode: number): Notification => notification(ERROR_CODE.UPDATE_MESSAGE_ERROR, subcode);

/** @param body  after the header, at least four octets (the framer saw to it). */
export function decodeUpdate(body: Uint8Array, context: WireContext): DecodedUpdate {
  const r = new Reader(body);
  const withdrawnField = r.view(r.u16());
  const outer = r.limit(r.u16());
  if (r.overrun) {
    return { ok: false, error: updateError(UPDATE_ERROR.MALFORMED_ATTRIBUTE_LIST), findings: [] };
  }
  const decoded = decodeAttributes(r, context);
  r.unlimit(outer);
  const nlriField = r.view(r.remaining);
  const { findings } = decoded;
  if (decoded.outcome === 'session-reset') return { ok: false, error: decoded.error!, findings };

  const withdrawn: NlriBlock[] = [];
  const announced: ReachableNlri[] = [];
  const reached: NlriBlock[] = [];
  if (
    !addField(withdrawn, withdrawnField, decoded, context) ||
    !addField(reached, nlriField, decoded, context)
  ) {
    return { ok: false, error: updateError(UPDATE_ERROR.INVALID_NETWORK_FIELD), findings };
  }
  const { mpReachNlri: mpReach, mpUnreachNlri: mpUnreach, nextHop } = decoded.values;
  if (mpUnreach?.type === 'foreign') foreignFamily(decoded, 'MP_UNREACH_NLRI', mpUnreach);
  else if (mpUnreach !== undefined && mpUnreach.nlri.octets.length > 0) withdrawn.push(mpUnreach.nlri);
  if (nextHop !== undefined) {
    for (const nlri of reached) announced.push({ nlri, nextHop: { address: nextHop } });
  }
  if (mpReach?.type === 'foreign') {
    foreignFamily(decoded, 'MP_REACH_NLRI', mpReach);
  } else if (mpReach !== undefined && mpReach.nlri.octets.length > 0) {
    reached.push(mpReach.nlri);
    if (mpReach.nextHop !== undefined) announced.push({ nlri: mpReach.nlri, nextHop: mpReach.nextHop });
  }
  if (reached.length > 0) findMissing(decoded, nlriField.length > 0, context);

  const treatAsWithdraw = decoded.outcome === 'treat-as-withdraw';
  if (treatAsWithdraw && nlriField.length === 0 && !reachesSomething(decoded)) {
    // RFC 7606 §5.2: attributes with an error and no routes to withdraw: what was meant may be in the unreadable part
    const others = decoded.count - (mpUnreach === undefined ? 0 : 1);
    if (others > 0) return { ok: false, error: decoded.error!, findings };
  }
  return {
    ok: true,
    update: {
      type: 'Update',
      withdrawn: treatAsWithdraw ? [...withdrawn, ...reached] : withdrawn,
      announced: treatAsWithdraw ? [] : announced,
      attributes: treatAsWithdraw || announced.length === 0 ? undefined : decoded.pathAttributes(),
      findings,
      treatAsWithdraw,
      endOfRib: endOfRib(withdrawnField.length + nlriField.length, decoded, context),
    },
  };
}

/** Adds the Withdrawn Routes or NLRI field. @returns false when it is no list of prefixes (RFC 7606 §3i, §5.3). */
function addField(
  blocks: NlriBlock[],
  octets: Uint8Array,
  decoded: DecodedAttributes,
  context: WireContext,
): boolean {
  if (octets.length === 0) return true;
  if (!context.families.includes('ipv4')) {
    foreignFamily(decoded, 'NLRI', FAMILY.ipv4);
    return true;
  }
  const addPath = context.addPathReceive.includes('ipv4');
  if (checkNlri(octets, 'ipv4', addPath) === undefined) return false;
  blocks.push({ family: 'ipv4', addPath, octets });
  return true;
}

/** Where routes may stand; the two fields of IPv4 are no attributes. */
const CODE_OF_FIELD = {
  NLRI: 0,
  MP_REACH_NLRI: ATTRIBUTE.MP_REACH_NLRI,
  MP_UNREACH_NLRI: ATTRIBUTE.MP_UNREACH_NLRI,
} as const;

/** Routes of a family that was not agreed on are ignored (as BIRD and FRR do; RFC 4760 §7 would also allow a reset). */
function foreignFamily(
  decoded: DecodedAttributes,
  attribute: keyof typeof CODE_OF_FIELD,
  { afi, safi }: AfiSafi,
): void {
  decoded.found(
    {
      attribute,
      code: CODE_OF_FIELD[attribute],
      outcome: 'attribute-discard',
      detail: `AFI ${afi} SAFI ${safi} was not agreed on with this peer`,
    },
    UPDATE_ERROR.OPTIONAL_ATTRIBUTE_ERROR,
  );
}

/** RFC 4271 §5, §6.3, with the outcome of RFC 7606 §3d. What was there but malformed has been found before. */
function findMissing(decoded: DecodedAttributes, hasNlriField: boolean, context: WireContext): void {
  const { values } = decoded;
  const missing = (attribute: string, code: number) =>
    decoded.found(
      { attribute, code, outcome: 'treat-as-withdraw', detail: 'is missing' },
      UPDATE_ERROR.MISSING_WELL_KNOWN_ATTRIBUTE,
      Uint8Array.of(code),
    );
  if (values.mpReachNlri?.type === 'routes' && values.mpReachNlri.nextHop === undefined) {
    decoded.found(
      {
        attribute: 'MP_REACH_NLRI',
        code: ATTRIBUTE.MP_REACH_NLRI,
        outcome: 'treat-as-withdraw',
        detail: 'the next hop is not the address of a host',
      },
      UPDATE_ERROR.INVALID_NEXT_HOP_ATTRIBUTE,
    );
  }
  if (decoded.outcome === 'treat-as-withdraw') return;
  if (values.origin === undefined) missing('ORIGIN', ATTRIBUTE.ORIGIN);
  if (values.asPath === undefined) missing('AS_PATH', ATTRIBUTE.AS_PATH);
  if (values.nextHop === undefined && hasNlriField) missing('NEXT_HOP', ATTRIBUTE.NEXT_HOP);
  // not mandatory by name, but in every UPDATE of an internal session (RFC 4271 §5.1.5); FRR does the same
  const needsLocalPref = context.peerType === 'internal';
  if (needsLocalPref && values.localPref === undefined) missing('LOCAL_PREF', ATTRIBUTE.LOCAL_PREF);
}

const reachesSomething = ({ values: { mpReachNlri } }: DecodedAttributes): boolean =>
  mpReachNlri !== undefined && (mpReachNlri.type === 'foreign' || mpReachNlri.nlri.octets.length > 0);

/** RFC 4724 §2: no routes in either field, and no attributes, or an empty MP_UNREACH_NLRI alone. */
function endOfRib(
  fieldOctets: number,
  { count, values: { mpUnreachNlri } }: DecodedAttributes,
  context: WireContext,
): Family | undefined {
  if (fieldOctets > 0) return undefined;
  if (count === 0) return context.families.includes('ipv4') ? 'ipv4' : undefined;
  if (count > 1 || mpUnreachNlri?.type !== 'routes' || mpUnreachNlri.nlri.octets.length > 0) return undefined;
  return mpUnreachNlri.nlri.family;
}

/** Takes a message, with the indexes of the prefixes in it: `first` to before `end`. */
export type PackedOut = (message: Uint8Array, first: number, end: number) => void;

/**
 * UPDATEs that announce prefixes with one attribute set, each as full as the context allows. IPv4 with an IPv4 next hop
 * stands in the NLRI field, all else in MP_REACH_NLRI (RFC 4760 §3, RFC 8950 §3).
 * @param attributes  with the next hop to send.
 * @returns false when the attributes leave no room for a prefix (RFC 8654 §4): nothing was given to `out`.
 */
export function encodeAnnounce(
  family: Family,
  attributes: PathAttributes,
  prefixes: PrefixSource,
  context: WireContext,
  out: PackedOut,
): boolean {
  const route = encodeRoute(family, attributes, context);
  return pack(prefixes, out, (w, from) => writeAnnounce(w, family, route, prefixes, from, context));
}

/** UPDATEs that withdraw prefixes: IPv4 in the Withdrawn Routes field, all else in MP_UNREACH_NLRI. */
export function encodeWithdraw(
  family: Family,
  prefixes: PrefixSource,
  context: WireContext,
  out: PackedOut,
): void {
  if (!pack(prefixes, out, (w, from) => writeWithdraw(w, family, prefixes, from, context)))
    throw new Error(`invariant: no withdrawal fits a message of ${context.maxMessageOctets} octets`);
}

/** The attributes and the next hop as a session carries them. */
export function encodeRoute(family: Family, attributes: PathAttributes, context: WireContext): EncodedRoute {
  const { nextHop } = attributes;
  if (nextHop === undefined) throw new Error('invariant: a route is sent without a next hop');
  const plain = family === 'ipv4' && familyOfAddress(nextHop.address) === 'ipv4';
  const w = new Writer();
  encodeAttributes(w, attributes, context, plain ? nextHop.address : undefined);
  return { attributes: whole(w.take()), nextHop: plain ? undefined : whole(reachNextHop(family, nextHop)) };
}

const whole = (octets: Uint8Array): OctetRange => ({ octets, start: 0, end: octets.length });

/** Octets of header, Withdrawn Routes Length and Total Path Attribute Length. */
const FIXED_OCTETS = 23;
const ATTRIBUTES_LENGTH_AT = 21;

/** The End-of-RIB marker (RFC 4724 §2). */
export function encodeEndOfRib(family: Family): Uint8Array {
  const w = new Writer(32);
  const start = beginMessage(w, MESSAGE_TYPE.UPDATE);
  w.u16(0);
  w.u16(0);
  if (family !== 'ipv4') {
    const nothing = { type: 'routes', nlri: { family, addPath: false, octets: new Uint8Array(0) } } as const;
    const flags = CATEGORY_FLAGS[mpUnreachNlri.category];
    writeAttribute(w, mpUnreachNlri, flags, nothing, INITIAL_CONTEXT);
    w.setU16(ATTRIBUTES_LENGTH_AT, w.length - FIXED_OCTETS);
  }
  endMessage(w, start);
  return w.take();
}

function pack(prefixes: PrefixSource, out: PackedOut, write: (w: Writer, from: number) => number): boolean {
  for (let index = 0; index < prefixes.length; ) {
    const w = new Writer();
    const first = index;
    index = write(w, first);
    if (index === first) return false;
    out(w.take(), first, index);
  }
  return true;
}
