// OPENs that checks of what is refused and of what is agreed have in common.

import { ip4, join, message, OPEN, u8, u16 } from './octets.ts';
import type { Hello, PeerSpec, ProbedPeer } from './suite.ts';

export function withRole(role: string): PeerSpec {
  return { annotations: { 'mesos-bgp/role': role } };
}

export const extendedOpen = (peer: ProbedPeer, parameters: Buffer, shortLength = 0xff): Buffer =>
  message(
    OPEN,
    join(
      u8(4),
      u16(peer.asNumber),
      u16(90),
      ip4(peer.id),
      u8(shortLength),
      u8(0xff),
      u16(parameters.length),
      parameters,
    ),
  );

export function extendedCapabilities(...list: readonly Buffer[]): Buffer {
  const value = join(...list);
  return join(u8(2), u16(value.length), value);
}

export const octetsOf = (peer: ProbedPeer, hello: Hello | Buffer): Buffer =>
  Buffer.isBuffer(hello) ? hello : peer.hello(hello);
