// An address with a port, as text.

/** `10.0.0.1:179`, `[fd00::1]:179`. */
export const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
