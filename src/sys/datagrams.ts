// Datagrams of a descriptor of a family that Node does not know (netlink, say), as they come.

import net from 'node:net';

/**
 * Delivers the datagrams of a descriptor (bound netlink socket, say) as they come, one a call, without thread or polling.
 * Takes the descriptor over: it is closed by the returned function, or before `onError` is called.
 *
 * libuv reads any descriptor as a pipe, but Node hides that class; a pending connect has one. Semi-private API, kept here
 * and tested, because the documented `new net.Socket({fd})` refuses families that it does not know.
 */
export function readDatagrams(
  fd: number,
  onDatagram: (octets: Buffer) => void,
  onError: (error: Error) => void,
): () => void {
  const donor = net.connect('/nonexistent/mesos-bgp');
  donor.on('error', () => undefined);
  const handleOf = donor as unknown as {
    _handle: { constructor: new (type: number) => { open(fd: number): void } };
  };
  const handle = new handleOf._handle.constructor(0);
  donor.destroy();
  handle.open(fd);
  const reader = new net.Socket({ handle } as unknown as net.SocketConstructorOpts);
  reader.on('data', onDatagram);
  reader.on('error', (error) => {
    reader.destroy();
    onError(error);
  });
  reader.resume();
  return () => {
    reader.removeAllListeners('error');
    reader.on('error', () => undefined);
    reader.destroy();
  };
}
