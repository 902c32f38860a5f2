// How many prefixes a peer may tell us (RFC 4271 §6.7, RFC 4486 §4): says so once when most of them are used, and ends the
// session when there are more. Counting and carrying it out is speaker.ts.

import { FAMILY, type Family } from '../net/family.ts';
import { CEASE, ERROR_CODE } from '../wire/constants.ts';
import { type Notification, notification } from '../wire/notification.ts';
import type { MaxPrefixes } from './input.ts';

/** Percent of the limit from which it is told that it comes near. */
const WARNING_PERCENT = 75;

export type LimitState = 'below' | 'near' | 'over';

/** @param received  prefixes of one family, accepted by policy or not. */
export function limitState({ limit }: MaxPrefixes, received: number): LimitState {
  if (received > limit) return 'over';
  return received * 100 >= limit * WARNING_PERCENT ? 'near' : 'below';
}

/** Maximum Number of Prefixes Reached, with family and limit as data (RFC 4486 §4). */
export function tooManyPrefixes(family: Family, limit: number): Notification {
  const { afi, safi } = FAMILY[family];
  const data = new Uint8Array(7);
  const view = new DataView(data.buffer);
  view.setUint16(0, afi);
  data[2] = safi;
  view.setUint32(3, limit);
  return notification(ERROR_CODE.CEASE, CEASE.MAXIMUM_NUMBER_OF_PREFIXES_REACHED, data);
}
