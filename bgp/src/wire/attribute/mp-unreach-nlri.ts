// MP_UNREACH_NLRI (RFC 4760 §4): withdrawn routes of any family. Empty and alone, it ends a table (RFC 4724 §2).

import { FAMILY, type Family } from '../../net/family.ts';
import { ATTRIBUTE } from '../constants.ts';
import type { NlriBlock } from '../nlri.ts';
import type { Writer } from '../writer.ts';
import type { AttributeCodec } from './codec.ts';
import { agreedFamily, decodeBlock, foreign } from './mp-reach-nlri.ts';

export type MpUnreachNlri =
  | { readonly type: 'routes'; readonly nlri: NlriBlock }
  /** Not read: we did not agree on that family with this peer. */
  | { readonly type: 'foreign'; readonly afi: number; readonly safi: number };

export const mpUnreachNlri: AttributeCodec<MpUnreachNlri> = {
  code: ATTRIBUTE.MP_UNREACH_NLRI,
  name: 'MP_UNREACH_NLRI',
  category: 'optional non-transitive',
  malformed: 'session-reset', // RFC 7606 §5.3, §7.12
  decode: (r, context) => {
    const afi = r.u16();
    const safi = r.u8();
    const family = agreedFamily(afi, safi, context);
    if (family === undefined) return foreign(r, afi, safi);
    const nlri = decodeBlock(r, family, context);
    return nlri && { type: 'routes', nlri };
  },
  encode: (w, value) => {
    if (value.type === 'foreign')
      throw new Error('invariant: routes of a family that was not agreed on are not sent');
    writeUnreachHead(w, value.nlri.family);
    w.bytes(value.nlri.octets);
  },
};

/** Everything before the prefixes. */
export function writeUnreachHead(w: Writer, family: Family): void {
  const { afi, safi } = FAMILY[family];
  w.u16(afi);
  w.u8(safi);
}
