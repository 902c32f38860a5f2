// Sockets that all read into one array. Node would make 64 KiB of memory for each read, also for a KEEPALIVE of 19 octets: with
// hundreds of peers that alone starts full garbage collections in an idle daemon.

import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { duplicate } from '../sys/sockets.ts';

/** As much as Node reads at once where it makes the array itself. */
const READ_OCTETS = 64 * 1024;

/** @param octets  valid until the call returns: the next read, of whatever socket, is written over them. */
export type OnOctets = (octets: Uint8Array) => void;

/** A KEEPALIVE, or an UPDATE or two. */
const SHORT_OCTETS = 256;

export class SharedReads {
  private readonly octets = new Uint8Array(READ_OCTETS);
  /** The first octets, by how many: most reads are short ones, and of few lengths. */
  private readonly short: (Uint8Array | undefined)[] = new Array(SHORT_OCTETS + 1).fill(undefined);

  /** @param fd  not connected yet; it belongs to the socket from here on. */
  open(fd: number, onOctets: OnOctets): Socket {
    const callback = (length: number) => {
      onOctets(this.first(length));
      return true;
    };
    const onread = { buffer: this.octets, callback };
    const options: SocketConstructorOpts & ConnectOpts = { fd, readable: true, writable: true, onread };
    return new Socket(options);
  }

  private first(length: number): Uint8Array {
    if (length > SHORT_OCTETS) return this.octets.subarray(0, length);
    return (this.short[length] ??= this.octets.subarray(0, length));
  }

  /**
   * The same connection read in this way, which Node offers for sockets that are opened by us alone.
   * @param accepted  by a listener with `pauseOnConnect`; it is given up.
   * @returns undefined when the connection is gone already, or descriptors have run out.
   */
  takeOver(accepted: Socket, onOctets: OnOctets): Socket | undefined {
    const fd = descriptorOf(accepted);
    const own = fd === undefined ? undefined : duplicate(fd);
    accepted.on('error', () => {});
    accepted.destroy(); // closes its descriptor; the connection stays with ours
    return own === undefined ? undefined : this.open(own, onOctets);
  }
}

/** Of a socket that Node has opened, undefined when it is closed. */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return _handle?.fd !== undefined && _handle.fd >= 0 ? _handle.fd : undefined;
}
