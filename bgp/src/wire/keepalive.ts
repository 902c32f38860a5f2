// KEEPALIVE (RFC 4271 §4.4): a header and nothing else.

export interface KeepAlive {
  readonly type: 'KeepAlive';
}

/** There is only one. */
export const KEEPALIVE: KeepAlive = { type: 'KeepAlive' };
