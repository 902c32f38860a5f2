// Texts of settings → values. Undefined is a text that cannot be used; the row of the setting says what can.

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SocketAddress {
  readonly address: string;
  /** 0 lets the system choose a free port. */
  readonly port: number;
}

export interface FileConfig {
  readonly type: 'file';
  /** A YAML or JSON file, or a folder of them. */
  readonly path: string;
}

export const nonEmpty = (value: string): string | undefined => value || undefined;

export const path = (value: string): string | undefined =>
  value.includes('\0') ? undefined : nonEmpty(value);

export const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (value: string): T | undefined =>
    values.find((one) => one === value.toLowerCase());

export function datastoreType(value: string, env: Environment): string {
  const type = value.toLowerCase();
  if (type === 'etcdv3') return 'etcd';
  return type === 'file' && env.MESOS_BGP_FILE ? `file:${env.MESOS_BGP_FILE}` : type;
}

export function parseDatastore(value: string): { readonly type: 'etcd' } | FileConfig | undefined {
  if (value === 'etcd' || value === 'etcdv3') return { type: 'etcd' };
  const file = value.startsWith('file:') ? path(value.slice('file:'.length)) : undefined;
  return file === undefined ? undefined : { type: 'file', path: file };
}

export function parseEndpoints(value: string): readonly string[] | undefined {
  const endpoints: string[] = [];
  for (const part of value.split(',').map((one) => one.trim())) {
    if (part === '') continue; // a trailing comma
    // URL drops a scheme's default port, so the text is kept; userinfo, path and query mean nothing to etcd.
    const match = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?\/?$/i.exec(part);
    if (match === null || Number(match[3] ?? 1) > 65535 || Number(match[3] ?? 1) === 0) return undefined;
    endpoints.push(`${match[1]!.toLowerCase()}://${match[2]}:${match[3] ?? '2379'}`);
  }
  const schemes = new Set(endpoints.map((url) => url.slice(0, url.indexOf(':'))));
  return schemes.size === 1 ? [...new Set(endpoints)] : undefined;
}

export function parseSwitch(value: string): boolean | undefined {
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

export function parseRouterId(value: string): string | undefined {
  return value === 'hash' || (isDottedQuad(value) && value !== '0.0.0.0') ? value : undefined;
}

export function parseHttp(value: string): SocketAddress | 'off' | undefined {
  if (value === 'off') return 'off';
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(value);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  const address = match[1] ?? match[2]!;
  return match[1] !== undefined || isDottedQuad(address) ? { address, port } : undefined;
}

const isDottedQuad = (value: string): boolean =>
  /^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$/.test(value) &&
  value.split('.').every((octet) => Number(octet) <= 255);

/** Octets of the text in UTF-8, as the kernel counts a path. */
export const utf8Length = (value: string): number => new TextEncoder().encode(value).length;
