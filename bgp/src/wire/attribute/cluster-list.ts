// CLUSTER_LIST. The search for loops is for policy/propagation.ts.

import { type Address, ipv4FromNumber, ipv4ToNumber } from '../../net/address.ts';
import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

/** CLUSTER_LIST (RFC 4456 §8): the clusters that the route went through, the last one first. */
export const clusterList: AttributeCodec<readonly Address[]> = {
  code: ATTRIBUTE.CLUSTER_LIST,
  name: 'CLUSTER_LIST',
  category: 'optional non-transitive',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.10
  internalOnly: true,
  decode: (r) => {
    const clusters: Address[] = [];
    while (r.remaining > 0) clusters.push(ipv4FromNumber(r.u32()));
    return clusters;
  },
  encode: (w, clusters) => {
    for (const cluster of clusters) w.u32(ipv4ToNumber(cluster));
  },
};
