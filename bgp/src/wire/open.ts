// OPEN (RFC 4271 §4.2, §6.2; RFC 5492; RFC 6793 §4.2.1; RFC 9072). What its values mean against the configuration (AS
// number, identifier, capabilities that must be there) is for session/negotiate.ts.

import { type Address, ipv4FromNumber, ipv4ToNumber } from '../net/address.ts';
import { type Capability, decodeCapability, encodeCapability } from './capability.ts';
import { AS_TRANS, BGP_VERSION, ERROR_CODE, OPEN_ERROR, OPTIONAL_PARAMETER } from './constants.ts';
import { type Notification, notification } from './notification.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export interface Open {
  readonly type: 'Open';
  readonly version: number;
  /** The real one: of the 4-octet AS capability when there is one, else the My Autonomous System field. */
  readonly asNumber: number;
  /** The 16-bit field as on the wire. */
  readonly myAs: number;
  /** 0 or at least 3. */
  readonly holdTimeSeconds: number;
  /** Dotted quad, not validated. */
  readonly bgpIdentifier: Address;
  /** In the order of the wire. */
  readonly capabilities: readonly Capability[];
}

/** An OPEN of ours: fills in the version and the 16-bit field, AS_TRANS for an AS number that does not fit (RFC 6793 §4.2.1). */
export const openMessage = (values: {
  readonly asNumber: number;
  readonly holdTimeSeconds: number;
  readonly bgpIdentifier: Address;
  readonly capabilities: readonly Capability[];
}): Open => ({
  type: 'Open',
  version: BGP_VERSION,
  myAs: values.asNumber > 0xffff ? AS_TRANS : values.asNumber,
  ...values,
});

const openError = (subcode: number, data?: Uint8Array): Notification =>
  notification(ERROR_CODE.OPEN_MESSAGE_ERROR, subcode, data);

/**
 * @param body  after the header, at least ten octets (the framer saw to it).
 * @returns the message, or the NOTIFICATION to send (RFC 4271 §6.2): Unsupported Version Number, Unacceptable Hold
 *   Time (1 or 2 s), Unsupported Optional Parameter (any but Capabilities), or Unspecific for one that is malformed.
 */
export function decodeOpen(body: Uint8Array): Open | Notification {
  const r = new Reader(body);
  const version = r.u8();
  if (version !== BGP_VERSION) {
    // the data is the largest version below the peer's that we speak: there is only one
    return openError(OPEN_ERROR.UNSUPPORTED_VERSION_NUMBER, Uint8Array.of(0, BGP_VERSION));
  }
  const myAs = r.u16();
  const holdTimeSeconds = r.u16();
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) return openError(OPEN_ERROR.UNACCEPTABLE_HOLD_TIME);
  const bgpIdentifier = ipv4FromNumber(r.u32());
  const capabilities = decodeParameters(r);
  if (!Array.isArray(capabilities)) return capabilities as Notification;
  if (r.overrun || r.remaining > 0) return openError(OPEN_ERROR.UNSPECIFIC);
  // RFC 5492 §4 leaves it open what several unequal instances mean: we take the first
  const fourOctetAs = capabilities.find((capability) => capability.name === 'FourOctetAs');
  return {
    type: 'Open',
    version,
    asNumber: fourOctetAs?.asNumber ?? myAs,
    myAs,
    holdTimeSeconds,
    bgpIdentifier,
    capabilities,
  };
}

/**
 * The optional parameters with their length field or fields. RFC 9072 §2: when the first type is 255, lengths have two
 * octets, whatever the one-octet length says as long as it is not 0.
 */
function decodeParameters(r: Reader): Capability[] | Notification {
  const capabilities: Capability[] = [];
  let length = r.u8();
  if (length === 0) return capabilities;
  const extended = r.remaining > 0 && r.octets[r.at] === OPTIONAL_PARAMETER.EXTENDED_LENGTH;
  if (extended) {
    r.u8();
    length = r.u16();
  }
  const outer = r.limit(length);
  while (r.remaining > 0) {
    const type = r.u8();
    const parameterEnd = r.limit(extended ? r.u16() : r.u8());
    if (r.overrun) return openError(OPEN_ERROR.UNSPECIFIC);
    if (type !== OPTIONAL_PARAMETER.CAPABILITIES) return openError(OPEN_ERROR.UNSUPPORTED_OPTIONAL_PARAMETER);
    while (r.remaining > 0) {
      const code = r.u8();
      const capabilityEnd = r.limit(r.u8());
      const capability = r.overrun ? undefined : decodeCapability(code, r);
      if (capability === undefined) return openError(OPEN_ERROR.UNSPECIFIC);
      capabilities.push(capability);
      r.unlimit(capabilityEnd);
    }
    r.unlimit(parameterEnd);
  }
  r.unlimit(outer);
  return capabilities;
}

/** One Capabilities parameter with all of them (RFC 5492 §4), in the form of RFC 9072 where one octet is too small. */
export function encodeOpen(w: Writer, message: Open): void {
  w.u8(message.version);
  w.u16(message.myAs);
  w.u16(message.holdTimeSeconds);
  w.u32(ipv4ToNumber(message.bgpIdentifier));
  const list = new Writer();
  for (const capability of message.capabilities) encodeCapability(list, capability);
  const octets = list.take();
  if (octets.length === 0) {
    w.u8(0);
  } else if (octets.length + 2 <= 0xff) {
    w.u8(octets.length + 2);
    w.u8(OPTIONAL_PARAMETER.CAPABILITIES);
    w.u8(octets.length);
  } else {
    w.u8(0xff);
    w.u8(OPTIONAL_PARAMETER.EXTENDED_LENGTH);
    w.u16(octets.length + 3);
    w.u8(OPTIONAL_PARAMETER.CAPABILITIES);
    w.u16(octets.length);
  }
  w.bytes(octets);
}
